"""Runs a command on a pseudo-terminal of COLUMNS x ROWS: its bytes to stdout, stdin to it, its exit code at the end.

A line `!SIGNAL` on standard input is not typed: it sends the command that signal.
"""
import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios

columns, rows = int(sys.argv[1]), int(sys.argv[2])
pid, terminal = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    os.execvp(sys.argv[3], sys.argv[3:])
watched = [terminal, 0]
while True:
    ready, _, _ = select.select(watched, [], [])
    if 0 in ready:
        typed = os.read(0, 4096)
        if not typed:
            watched.remove(0)
        elif typed.startswith(b"!"):
            os.kill(pid, getattr(signal, typed[1:].decode().strip()))
        else:
            os.write(terminal, typed)
    if terminal in ready:
        try:
            shown = os.read(terminal, 65536)
        except OSError:  # Linux says EIO once the last process has closed its side.
            break
        if not shown:
            break
        os.write(1, shown)
_, status = os.waitpid(pid, 0)
code = os.waitstatus_to_exitcode(status)
sys.exit(code if code >= 0 else 128 - code)  # of a signal as a shell says it
