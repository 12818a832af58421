"""From a question and scores to an answer: follow-ups, language, selection, quoting, checking, report and export."""
