"""`countermark share`: one file per verb."""

import typer

from countermark.cli import (
    share_approve,
    share_audit,
    share_check,
    share_collection,
    share_conformance,
    share_demo,
    share_dispute,
    share_import,
    share_keys,
    share_member,
    share_misp,
    share_overlap,
    share_poll,
    share_publish,
    share_review,
    share_serve,
    share_sight,
)

app = typer.Typer(
    name="share",
    help="Exchange findings with other providers: STIX over TAXII, under a policy and two people's release.",
    no_args_is_help=True,
)
app.command("demo")(share_demo.demo)
app.command("review")(share_review.review)
app.command("approve")(share_approve.approve)
app.command("publish")(share_publish.publish)
app.command("poll")(share_poll.poll)
app.command("sight")(share_sight.sight)
app.add_typer(share_dispute.app, name="dispute")
app.command("import")(share_import.import_)
app.command("serve")(share_serve.serve)
app.add_typer(share_member.app)
app.add_typer(share_collection.app)
app.add_typer(share_audit.app)
app.add_typer(share_misp.app)
app.add_typer(share_overlap.app)
app.command("check")(share_check.check)
app.add_typer(share_keys.app)
app.command("conformance")(share_conformance.conformance)
