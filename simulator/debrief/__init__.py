"""Looking back: one call as a debrief, as HTML and as JSON, two ways of it side by side, and what many calls show."""
