"""Tables, figures and the report: from estimates and verdicts to repeatable pages."""
