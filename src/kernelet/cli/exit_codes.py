"""What the exit code of a command says."""

#: All went well.
FINE = 0
#: A check found something.
FOUND = 1
#: Bad usage, data, configuration or file.
MISTAKE = 2
#: A fault of kernelet itself.
FAULT = 101
#: Interrupted from the keyboard: 128 + SIGINT.
INTERRUPTED = 130
#: Whoever read the output went away: 128 + SIGPIPE.
NO_READER = 141
#: Asked to end: 128 + SIGTERM.
TERMINATED = 143
