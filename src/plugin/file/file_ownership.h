// Whether a folder or file is safe to load code from: whoever can write it, or put another in its place, would run code
// as this process.
// Not for what the file says: see plugin/file/manifest.h.
#ifndef TALLY_PLUGIN_FILE_FILE_OWNERSHIP_H
#define TALLY_PLUGIN_FILE_FILE_OWNERSHIP_H

#include <filesystem>
#include <string>

namespace tally::plugin {

// Why plugins of this folder must not be loaded, with the way out; empty when they may. The folder and
// every folder above it must belong to root or to this process's user, and neither the group nor others may write them.
// One exception: a folder above may be writable if it has the sticky bit, as /tmp has, since then nobody can rename the
// files of another user in it.
std::string untrusted_folder(const std::filesystem::path& folder);

// The same of one file, given that its folder may be trusted: a regular file of root's or of this user's that nobody
// else may write; or a link to one within the folder.
std::string untrusted_file(const std::filesystem::path& file);

}  // namespace tally::plugin

#endif
