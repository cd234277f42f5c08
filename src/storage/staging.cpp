#include "contain/storage/staging.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "contain/core/error.hpp"
#include "contain/core/id.hpp"
#include "contain/core/text.hpp"
#include "contain/sys/dir.hpp"
#include "contain/sys/file.hpp"

namespace contain::storage {
namespace {

constexpr const char* area = "staging";

// Held shared by who makes its directory and exclusively by who sweeps, so that none is taken for a leftover between
// mkdir(2) and flock(2).
sys::unique_fd lock_area(int root, int operation) {
  auto fd = sys::open_at(root, area, O_RDONLY | O_DIRECTORY);
  if (!fd) throw error::from_errno(fd.error(), "open", area);
  if (sys::retry([&] { return ::flock(fd->get(), operation); }) != 0) throw error::from_errno(errno, "flock", area);
  return std::move(*fd);
}

}  // namespace

staging::staging(int root) : root_(root) {
  if (const auto made = sys::ensure_dir(root, area, 0700); !made) throw error::from_errno(made.error(), "mkdir", area);
  sweep();
}

staging::~staging() {
  if (!own_) return;
  if (const auto parent = sys::open_at(root_, area, O_PATH | O_DIRECTORY); parent)
    (void)sys::remove_tree(parent->get(), own_name_.c_str());
}

int staging::directory() {
  const std::lock_guard guard{mutex_};
  if (own_) return own_.get();
  const auto parent = lock_area(root_, LOCK_SH);
  std::string name{ids::short_id(ids::random_id())};
  if (::mkdirat(parent.get(), name.c_str(), 0700) != 0) throw error::from_errno(errno, "mkdir", name);
  auto own = sys::open_at(parent.get(), name.c_str(), O_RDONLY | O_DIRECTORY);
  if (!own) throw error::from_errno(own.error(), "open", name);
  if (::flock(own->get(), LOCK_EX | LOCK_NB) != 0) throw error::from_errno(errno, "flock", name);
  own_name_ = std::move(name);
  own_ = std::move(*own);
  return own_.get();
}

std::string staging::fresh_name(std::string_view kind) { return text::cat(kind, "-", ++counter_); }

void staging::sweep() const {
  const auto peek = sys::open_at(root_, area, O_RDONLY | O_DIRECTORY);
  if (!peek) throw error::from_errno(peek.error(), "open", area);
  const auto entries = sys::list_dir(peek->get());
  if (!entries) throw error::from_errno(entries.error(), "list", area);
  if (entries->empty()) return;  // the usual case takes no lock
  for (const auto& e : *entries) {
    sys::unique_fd claim;
    {
      const auto parent = lock_area(root_, LOCK_EX);
      auto dir = sys::open_at(parent.get(), e.name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      if (!dir || ::flock(dir->get(), LOCK_EX | LOCK_NB) != 0) continue;  // gone, or its process lives
      claim = std::move(*dir);
    }
    // What cannot be removed now is tried again by the next store that opens.
    (void)sys::remove_tree(peek->get(), e.name.c_str());
  }
}

staged_path& staged_path::operator=(staged_path&& other) noexcept {
  if (this != &other) {
    discard();
    in_ = std::exchange(other.in_, nullptr);
    name_ = std::move(other.name_);
  }
  return *this;
}

bool staged_path::publish(int to_dir, const char* to_name) {
  if (::renameat2(directory(), name_.c_str(), to_dir, to_name, RENAME_NOREPLACE) == 0) {
    in_ = nullptr;
    return true;
  }
  if (errno != EEXIST && errno != ENOTEMPTY) throw error::from_errno(errno, "rename", to_name);
  discard();
  return false;
}

void staged_path::discard() noexcept {
  if (in_ == nullptr) return;
  try {
    (void)sys::remove_tree(in_->directory(), name_.c_str());
  } catch (const error&) {  // the directory is gone: then the path is too
  }
  in_ = nullptr;
}

}  // namespace contain::storage
