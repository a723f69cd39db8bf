"""The words of the system: the five kinds, keys, names and labels. Everything else imports this; it imports nothing of ours."""
