"""`countermark log`: the log that is fixed before; one file per verb."""

import typer

from countermark.cli import log_check, log_privileged, log_prove, log_publish, log_record, log_witness

app = typer.Typer(
    name="log",
    help="Fix what is asked before anybody knows the answer: batches of commitments, witnesses, proofs.",
    no_args_is_help=True,
)
app.command("record")(log_record.record)
app.command("publish")(log_publish.publish)
app.add_typer(log_witness.app)
app.command("prove")(log_prove.prove)
app.command("verify-entry")(log_prove.verify_entry)
app.command("compare")(log_check.compare)
app.command("check")(log_check.check)
app.command("open-privileged")(log_privileged.open_privileged)
