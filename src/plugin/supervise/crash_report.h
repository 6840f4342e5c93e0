// What a process says when a plugin ends it: which plugin's call was running.
// Not for keeping the process: it ends all the same, and its supervisor starts it again.
#ifndef TALLY_PLUGIN_SUPERVISE_CRASH_REPORT_H
#define TALLY_PLUGIN_SUPERVISE_CRASH_REPORT_H

namespace tally::plugin {

// Call once, at the start of a program. From then on
// - exit() or quick_exit() within a plugin's call, or on any thread but the main one, is logged as an error and ends
//   the process with exit_status::kRestartMe, whatever status the plugin asked for, so that it is not taken for a
//   proper end;
// - abort() and faults (SIGSEGV, SIGBUS, SIGFPE, SIGILL) write one line that names the plugin to stderr, then end the
//   process as they do without. A handler that is installed already, a sanitizer's, is left in place.
// A call of _exit() cannot be noticed: no handler runs.
void install_crash_report();

// Call after a library was loaded: what exit() runs begins with what was registered last, and the library's own static
// objects must not be destroyed while other threads still use them. Does nothing before install_crash_report().
void renew_crash_report();

}  // namespace tally::plugin

#endif
