"""`report.html`: what was found, in one page that needs neither a network nor JavaScript."""

from countermark.detect.report.model import CampaignPage, MemberRow, Report, Signal, TopValue, member_rows
from countermark.detect.report.page import render_report

__all__ = ["CampaignPage", "MemberRow", "Report", "Signal", "TopValue", "member_rows", "render_report"]
