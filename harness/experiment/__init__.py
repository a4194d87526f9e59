"""A study, planned, carried out, and kept on disk trial by trial."""
