#include "contain/engine.hpp"

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

#include "contain/core/error.hpp"
#include "contain/core/text.hpp"
#include "contain/runtime/spec_builder.hpp"
#include "contain/sys/control_file.hpp"
#include "contain/sys/dir.hpp"
#include "contain/sys/file.hpp"
#include "engine/lifecycle.hpp"
#include "engine/state.hpp"

namespace contain {
namespace {

namespace fs = std::filesystem;

/// The user's home by the password database: the library reads no environment here.
fs::path home_directory() {
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 4096> buffer{};
  if (::getpwuid_r(::geteuid(), &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr ||
      *found->pw_dir != '/') {
    throw error{errc::invalid, "find the store", text::cat("uid ", ::geteuid()), "this user has no home directory"}
        .with_hint("set CONTAIN_ROOT");
  }
  return found->pw_dir;
}

fs::path default_root() {
  return ::geteuid() == 0 ? fs::path{"/var/lib/contain"} : home_directory() / ".local/share/contain";
}

/// Makes the directory, and refuses one that others could have prepared or could change.
sys::unique_fd open_root(const fs::path& root) {
  if (::mkdir(root.c_str(), 0700) != 0 && errno != EEXIST) {
    if (errno != ENOENT) throw error::from_errno(errno, "mkdir", root.string());
    std::error_code failure;
    fs::create_directories(root.parent_path(), failure);
    if (failure) throw error::from_errno(failure.value(), "mkdir", root.parent_path().string());
    if (::mkdir(root.c_str(), 0700) != 0 && errno != EEXIST) throw error::from_errno(errno, "mkdir", root.string());
  }
  auto opened = sys::open_at(AT_FDCWD, root.c_str(), O_RDONLY | O_DIRECTORY);
  if (!opened) throw error::from_errno(opened.error(), "open the store", root.string());
  struct stat st {};
  if (::fstat(opened->get(), &st) != 0) throw error::from_errno(errno, "open the store", root.string());
  if (st.st_uid != ::geteuid()) {
    throw error{errc::denied, "open the store", root.string(),
                text::cat("it belongs to uid ", st.st_uid, ", this process runs as ", ::geteuid())}
        .with_hint("choose a directory of your own with CONTAIN_ROOT");
  }
  if ((st.st_mode & 022U) != 0) {
    throw error{errc::denied, "open the store", root.string(), "others may write to it"}.with_hint(
        text::cat("chmod 700 ", root.string()));
  }
  return std::move(*opened);
}

sys::unique_fd open_folder(int root, const char* name) {
  auto opened = sys::open_at(root, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!opened && opened.error() == ENOENT) {
    const auto made = sys::ensure_dir(root, name, 0700);
    if (!made) throw error::from_errno(made.error(), "mkdir", name);
    opened = sys::open_at(root, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  }
  if (!opened) throw error::from_errno(opened.error(), "open", name);
  return std::move(*opened);
}

fs::path chosen_root(fs::path given) {
  if (given.empty()) return default_root();
  return fs::absolute(given).lexically_normal();
}

}  // namespace

engine_options engine_options::from_environment() {
  engine_options options;
  const auto value = [](const char* name) -> std::string_view {
    const char* found = std::getenv(name);
    return found == nullptr ? std::string_view{} : found;
  };
  if (const auto root = value("CONTAIN_ROOT"); !root.empty()) {
    options.root = root;
  } else if (const auto data = value("XDG_DATA_HOME"); ::geteuid() != 0 && data.starts_with('/')) {
    options.root = fs::path{data} / "contain";
  } else if (const auto home = value("HOME"); ::geteuid() != 0 && home.starts_with('/')) {
    options.root = fs::path{home} / ".local/share/contain";
  }
  return options;
}

engine::impl::impl(engine_options options)
    : root(chosen_root(std::move(options.root))),
      log(std::move(options.log)),
      opened_by(::getpid()),
      root_fd(open_root(root)),
      containers(open_folder(root_fd.get(), "containers")),
      trash(open_folder(root_fd.get(), "trash")),
      records(storage::metadata::open(root / "db.sqlite3")),
      staging(root_fd.get()),
      blobs(root_fd.get(), staging),
      layers(root_fd.get(), staging) {
  const auto boot = sys::read_text(AT_FDCWD, "/proc/sys/kernel/random/boot_id");
  if (!boot) throw error::from_errno(boot.error(), "read", "/proc/sys/kernel/random/boot_id");
  boot_id_ = text::trim(*boot);
  const auto self = lifecycle::identify(opened_by);
  if (!self) throw error{errc::unsupported, "open the store", root.string(), "/proc is not mounted"};
  own_start_ticks_ = self->start_ticks;
}

engine::impl::~impl() {
  if (::getpid() != opened_by) return;
  for (const auto& id : std::exchange(owned_, {})) {
    try {
      if (const auto c = records.read().container(id)) lifecycle::destroy(*this, *c);
    } catch (const std::exception& e) {
      warn("engine", text::cat(e.what(), ", ignoring"));  // the next engine on this store sweeps it
    }
  }
}

std::shared_ptr<runtime::supervisor> engine::impl::supervisor() {
  require_own_process();
  if (::geteuid() != 0) {
    throw error{errc::unsupported, "start a supervisor", {}, "this version runs containers as root only"}.with_hint(
        "run it as root, with sudo for example");
  }
  std::shared_ptr<runtime::supervisor> running;
  {
    const std::lock_guard lock{mutex_};
    if (supervisor_) return supervisor_;
    running = supervisor_ = std::make_shared<runtime::supervisor>(runtime::supervisor::spawn());
  }
  // Once for each supervisor, where some milliseconds are spent anyway: what earlier owners were killed over.
  lifecycle::sweep(*this);
  return running;
}

std::shared_ptr<runtime::supervisor> engine::impl::running_supervisor() noexcept {
  const std::lock_guard lock{mutex_};
  return supervisor_;
}

void engine::impl::drop_supervisor(const std::shared_ptr<runtime::supervisor>& lost) noexcept {
  const std::lock_guard lock{mutex_};
  if (supervisor_ == lost) supervisor_.reset();
}

const std::vector<storage::id_interval>& engine::impl::reserved_ids() {
  const std::lock_guard lock{mutex_};
  if (reserved_ids_) return *reserved_ids_;
  std::vector<storage::id_interval> found;
  for (const char* file : {"/etc/subuid", "/etc/subgid"}) {
    const auto table = sys::read_text(AT_FDCWD, file);
    if (!table) continue;
    for (const auto line : text::split(*table, '\n')) {
      const auto fields = text::split(line, ':');  // name:first:count, subuid(5)
      if (fields.size() != 3) continue;
      const auto first = text::parse_unsigned<std::uint32_t>(fields[1]);
      const auto count = text::parse_unsigned<std::uint32_t>(text::trim(fields[2]));
      if (!first || !count || *count == 0) continue;
      const auto last = std::min<std::uint64_t>(std::uint64_t{*first} + *count - 1, UINT32_MAX);
      found.push_back({*first, static_cast<std::uint32_t>(last)});
    }
  }
  return reserved_ids_.emplace(std::move(found));
}

std::uint32_t engine::impl::id_base() const noexcept {
  // Above the ids of people and of their subordinates. Two stores that began at the same id would give the same host
  // ids to containers that know nothing of each other.
  constexpr std::uint32_t first = 0x4000'0000, slots = 0x4000;
  struct stat st {};
  (void)::fstat(root_fd.get(), &st);
  const std::uint64_t mixed = (st.st_ino ^ (st.st_dev << 32U)) * 0x9e37'79b9'7f4a'7c15ULL;  // Fibonacci hashing
  return first + static_cast<std::uint32_t>(mixed >> 50U) % slots * runtime::ids_per_container;
}

const runtime::host_facts& engine::impl::host() {
  const std::lock_guard lock{mutex_};
  if (!host_) host_ = runtime::probe_host();
  return *host_;
}

void engine::impl::require_own_process() const {
  if (::getpid() == opened_by) return;
  throw error{errc::invalid, "use an engine", root.string(), "this process was forked from the one that opened it"}
      .with_hint("make a new engine after fork");
}

void engine::impl::warn_once(std::string_view component, const std::string& message) {
  if (!log) return;
  {
    const std::lock_guard lock{mutex_};
    if (!warned_.insert(message).second) return;
  }
  warn(component, message);
}

void engine::impl::adopt(const std::string& id) {
  const std::lock_guard lock{mutex_};
  owned_.insert(id);
}

void engine::impl::release(const std::string& id) {
  const std::lock_guard lock{mutex_};
  owned_.erase(id);
}

engine::engine(engine_options options) : impl_(std::make_unique<impl>(std::move(options))) {}
engine::engine(engine&&) noexcept = default;
engine& engine::operator=(engine&&) noexcept = default;
engine::~engine() = default;

const std::filesystem::path& engine::root() const noexcept { return impl_->root; }

engine& default_engine() {
  // Never destroyed: objects made from it may be static, too. Its supervisor ends with the process. A forked child
  // makes its own, and leaves its copy of the parent's alone.
  static std::mutex mutex;
  static engine* current = nullptr;
  const std::lock_guard lock{mutex};
  if (current == nullptr || current->internals().opened_by != ::getpid()) {
    current = new engine{engine_options::from_environment()};
  }
  return *current;
}

}  // namespace contain
