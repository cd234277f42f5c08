// Finds the user that an image or an option names in the container's own /etc/passwd and /etc/group, from inside. The
// files are the image's: they may be pipes, links to /dev/zero or gigabytes long (CVE-2024-9676, CVE-2025-4437).
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "child.hpp"

namespace contain::runtime::sv {
namespace {

constexpr std::size_t file_cap = 1U << 20U;
constexpr std::uint32_t not_a_number = 0xffffffffU;

/// Lines of a colon-separated file, read through one buffer; longer lines than the buffer are skipped.
class line_reader {
 public:
  explicit line_reader(const char* path) noexcept
      : fd_(::open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)) {
    struct stat st {};
    if (fd_ >= 0 && (::fstat(fd_, &st) != 0 || !S_ISREG(st.st_mode))) {
      ::close(fd_);
      fd_ = -1;
    }
  }
  line_reader(const line_reader&) = delete;
  line_reader& operator=(const line_reader&) = delete;
  ~line_reader() {
    if (fd_ >= 0) ::close(fd_);
  }

  /// The next line without its newline, writable, or null.
  char* next() noexcept {
    while (true) {
      for (std::size_t i = start_; i < end_; ++i) {
        if (buffer_[i] != '\n') continue;
        buffer_[i] = '\0';
        char* line = buffer_ + start_;
        start_ = i + 1;
        if (!skipping_) return line;
        skipping_ = false;
        i = start_ - 1;
      }
      if (fd_ < 0 || total_ >= file_cap) return last();
      std::memmove(buffer_, buffer_ + start_, end_ - start_);
      end_ -= start_;
      start_ = 0;
      if (end_ == sizeof buffer_ - 1) {
        skipping_ = true;
        end_ = 0;
      }
      const ssize_t n = ::read(fd_, buffer_ + end_, sizeof buffer_ - 1 - end_);
      if (n <= 0) return last();
      end_ += static_cast<std::size_t>(n);
      total_ += static_cast<std::size_t>(n);
    }
  }

 private:
  char* last() noexcept {
    if (start_ >= end_ || skipping_) return nullptr;
    buffer_[end_] = '\0';
    char* line = buffer_ + start_;
    start_ = end_;
    fd_ < 0 ? void() : void(::close(fd_));
    fd_ = -1;
    return line;
  }
  int fd_;
  std::size_t start_ = 0, end_ = 0, total_ = 0;
  bool skipping_ = false;
  char buffer_[8192];
};

/// Cuts the next field off `*rest`.
char* field(char** rest) noexcept {
  char* start = *rest;
  if (start == nullptr) return nullptr;
  char* colon = std::strchr(start, ':');
  if (colon != nullptr) *colon++ = '\0';
  *rest = colon;
  return start;
}

std::uint32_t number(const char* text) noexcept {
  if (text == nullptr || *text == '\0') return not_a_number;
  std::uint64_t value = 0;
  for (; *text != '\0'; ++text) {
    if (*text < '0' || *text > '9') return not_a_number;
    value = value * 10 + static_cast<std::uint64_t>(*text - '0');
    if (value > 0x7fffffffU) return not_a_number;
  }
  return static_cast<std::uint32_t>(value);
}

struct account {
  char name[256] = {};
  std::uint32_t uid = 0, gid = 0;
  bool found = false;
};

/// By name, or by number when `wanted` is one: digits are an id and never a name (CVE-2016-3697).
account find_account(const char* wanted, std::uint32_t uid, char* home, unsigned home_size) noexcept {
  account result;
  line_reader passwd{"/etc/passwd"};
  while (char* line = passwd.next()) {
    char* rest = line;
    const char* name = field(&rest);
    (void)field(&rest);
    const std::uint32_t line_uid = number(field(&rest));
    const std::uint32_t line_gid = number(field(&rest));
    (void)field(&rest);
    const char* dir = field(&rest);
    if (line_uid == not_a_number || line_gid == not_a_number) continue;
    if (uid != not_a_number ? line_uid != uid : std::strcmp(name, wanted) != 0) continue;
    result.found = true;
    result.uid = line_uid;
    result.gid = line_gid;
    std::strncpy(result.name, name, sizeof result.name - 1);
    if (dir != nullptr && *dir == '/' && std::strlen(dir) + 6 <= home_size) {
      std::memcpy(home, "HOME=", 5);
      std::memcpy(home + 5, dir, std::strlen(dir) + 1);
    }
    break;
  }
  return result;
}

bool listed(char* members, const char* name) noexcept {
  while (members != nullptr) {
    char* comma = std::strchr(members, ',');
    if (comma != nullptr) *comma++ = '\0';
    if (std::strcmp(members, name) == 0) return true;
    members = comma;
  }
  return false;
}

void add_group(child_context& c, std::uint32_t gid) noexcept {
  for (unsigned i = 0; i < c.group_count; ++i) {
    if (c.groups[i] == gid) return;
  }
  if (c.group_count < sizeof c.groups / sizeof c.groups[0]) c.groups[c.group_count++] = gid;
}

}  // namespace

step find_user(child_context& c, char* home, unsigned home_size) noexcept {
  launch_plan& plan = *c.plan;
  char wanted[512] = {};
  std::strncpy(wanted, plan.user.get(), sizeof wanted - 1);
  char* group = std::strchr(wanted, ':');
  if (group != nullptr) *group++ = '\0';
  const bool named = *wanted != '\0';
  std::uint32_t uid = named ? number(wanted) : plan.uid;

  const account who = find_account(wanted, uid, home, home_size);
  if (who.found) {
    uid = who.uid;
  } else if (uid == not_a_number) {
    return errno = ENOENT, step::find_user;
  }
  if (*home == '\0') std::memcpy(home, uid == 0 ? "HOME=/root" : "HOME=/", uid == 0 ? 11 : 7);
  std::uint32_t gid = named ? (who.found ? who.gid : 0) : plan.gid;

  if (group != nullptr && *group != '\0') {
    gid = number(group);
    line_reader groups{"/etc/group"};
    while (char* line = gid == not_a_number ? groups.next() : nullptr) {
      char* rest = line;
      const char* name = field(&rest);
      (void)field(&rest);
      if (std::strcmp(name, group) == 0) gid = number(field(&rest));
    }
    if (gid == not_a_number) return errno = ESRCH, step::find_user;
  }
  // The primary group is part of the supplementary ones, or a file could deny it by group (CVE-2022-2989).
  add_group(c, gid);
  for (const auto extra : plan.groups) add_group(c, extra);
  if (group == nullptr && who.found) {
    line_reader groups{"/etc/group"};
    while (char* line = groups.next()) {
      char* rest = line;
      (void)field(&rest);
      (void)field(&rest);
      const std::uint32_t id = number(field(&rest));
      if (id != not_a_number && listed(rest, who.name)) add_group(c, id);
    }
  }
  plan.uid = uid;
  plan.gid = gid;
  return step::none;
}

}  // namespace contain::runtime::sv
