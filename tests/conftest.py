"""What all tests share."""

import signal

# A shell starts background jobs with SIGINT ignored, and children inherit that: the tests of Ctrl-C
# need it heard.
signal.signal(signal.SIGINT, signal.default_int_handler)
