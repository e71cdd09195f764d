"""The report of a run: one page by which a person can judge it."""

from kernelet.runs.report.page import prepare_report, report_page, write_report
from kernelet.runs.report.subject import Subject

__all__ = ["Subject", "prepare_report", "report_page", "write_report"]
