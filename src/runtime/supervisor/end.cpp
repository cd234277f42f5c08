// The end of a task: its exit status, its last output, its cgroups and, when nobody else will, its files.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <initializer_list>

#include "task.hpp"

namespace contain::runtime::sv {
namespace {

/// "oom_kill N" of memory.oom_control (v1, Linux 4.13) or memory.events (v2), N > 0.
bool killed_by_oom(int fd) noexcept {
  char text[1024];
  if (fd < 0) return false;
  const ssize_t n = ::pread(fd, text, sizeof text - 1, 0);
  if (n <= 0) return false;
  text[n] = '\0';
  const char* at = std::strstr(text, "oom_kill ");
  return at != nullptr && at[9] >= '1' && at[9] <= '9';
}

void record_exit(task& t, const siginfo_t& info) noexcept {
  timespec now{};
  (void)::clock_gettime(CLOCK_REALTIME, &now);
  t.exit.finished_ns =
      static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(now.tv_nsec);
  const bool by_signal = info.si_code != CLD_EXITED;
  t.exit.signal = by_signal ? info.si_status : 0;
  t.exit.code = by_signal ? 128 + info.si_status : info.si_status;
  t.exit.oom_killed = by_signal && info.si_status == SIGKILL && killed_by_oom(t.oom_events) ? 1 : 0;
}

void write_exit(const task& t) noexcept {
  if (t.state_dir < 0 || ::fsetxattr(t.state_dir, exit_attribute, &t.exit, sizeof t.exit, 0) == 0) return;
  const int fd = ::openat(t.state_dir, "exit", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return;
  // 32 bytes in one write: a reader that comes too early sees a short file and knows it.
  (void)::write(fd, &t.exit, sizeof t.exit);
  ::close(fd);
}

void remove_cgroups(const task& t) noexcept {
  const timespec pause{0, 2'000'000};
  for (unsigned i = 0; i < t.parent_count; ++i) {
    // EBUSY lasts until the kernel has taken the last task's weight off (a few ms on v1).
    for (int attempt = 0; attempt < 250; ++attempt) {
      if (::unlinkat(t.parents[i], t.id, AT_REMOVEDIR) == 0 || errno != EBUSY) break;
      (void)::nanosleep(&pause, nullptr);
    }
  }
}

/// The files go when nobody else will remove them: the engine is gone, or there never was one. A client that has heard
/// of the end has an engine, which then removes the whole container; two at the same tree would only be in each other's
/// way.
enum class heard : bool { no, yes };
void remove_files(supervisor_state& sv, const task& t, heard by_client) noexcept {
  if ((t.flags & plan_is_exec) != 0) return;
  if ((t.flags & plan_detached) != 0) {
    // The exit status stays for whoever asks next and removes the record: --rm is no reason to lose it.
    if ((t.flags & plan_auto_remove) == 0 || by_client == heard::yes) return;
    for (const char* name : {"upper", "work", "log", "attach.sock"}) remove_tree(t.state_dir, name);
  } else if (!sv.host_gone) {
    remember_ended(sv, t);
  } else if (const int parent = ::openat(t.state_dir, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC); parent >= 0) {
    remove_tree(parent, t.id);
    ::close(parent);
  }
}

void process_ready(source& s, std::uint32_t) noexcept {
  supervisor_state& sv = state_of();
  task& t = *static_cast<task*>(s.owner);
  // What the child had to say about its start comes first, or a failed start would look like an exit.
  if (t.sync.fd >= 0) t.sync.ready(t.sync, EPOLLIN);
  siginfo_t info{};
  if (::waitid(P_PIDFD, static_cast<id_t>(s.fd), &info, WEXITED | WNOHANG | __WALL) != 0 || info.si_pid == 0) return;
  sv.events.close(s);
  record_exit(t, info);
  t.exited = true;
  if ((t.flags & plan_is_exec) == 0) remove_cgroups(t);
  if (!t.executed) {  // the library has its answer; nothing was ever visible
    remove_files(sv, t, heard::no);
    destroy_task(sv, t);
    return;
  }
  drain_output(sv, t);
  close_input(sv, t);
  write_exit(t);
  // Refused connections tell late clients to read the file instead.
  sv.events.close(t.listener);
  const auto by_client = t.clients != nullptr ? heard::yes : heard::no;
  send_exit(sv, t);
  remove_files(sv, t, by_client);
  release_if_done(sv, t);
}

}  // namespace

void watch_process(supervisor_state& sv, task& t) noexcept {
  t.process.owner = &t;
  t.process.ready = process_ready;
  (void)sv.events.watch(t.process, EPOLLIN);
}

void release_if_done(supervisor_state& sv, task& t) noexcept {
  if (t.exited && t.clients == nullptr) destroy_task(sv, t);
}

void destroy_task(supervisor_state& sv, task& t) noexcept {
  for (task** at = &sv.tasks; *at != nullptr; at = &(*at)->next) {
    if (*at == &t) {
      *at = t.next;
      break;
    }
  }
  while (t.clients != nullptr) drop_client(sv, *t.clients);
  for (source* s : {&t.process, &t.sync, &t.out, &t.err, &t.in, &t.listener}) sv.events.close(*s);
  for (int fd : {t.reply, t.pty_for_reply, t.state_dir, t.log, t.oom_events}) {
    if (fd >= 0) ::close(fd);
  }
  for (unsigned i = 0; i < t.parent_count; ++i) ::close(t.parents[i]);
  std::free(t.input);
  std::free(&t);
  if (sv.host.fd < 0 && sv.tasks == nullptr) sv.events.stop();
}

void host_closed(supervisor_state& sv) noexcept {
  sv.events.close(sv.host);
  sv.events.close(sv.host_process);
  sv.host_gone = true;
  for (task* t = sv.tasks; t != nullptr; t = t->next) {
    if ((t->flags & plan_detached) == 0 && t->process.fd >= 0)
      (void)::syscall(SYS_pidfd_send_signal, t->process.fd, SIGKILL, nullptr, 0);
  }
  for (unsigned i = 0; i < sv.ended.count; ++i) remove_tree(sv.ended.containers, sv.ended.ids[i]);
  for (task *t = sv.tasks, *next = nullptr; t != nullptr; t = next) {
    next = t->next;
    if (t->exited) destroy_task(sv, *t);  // only slow clients were left
  }
  if (sv.tasks == nullptr) sv.events.stop();
}

void remember_ended(supervisor_state& sv, const task& t) noexcept {
  forgotten_ids& ended = sv.ended;
  if (ended.containers < 0) ended.containers = ::openat(t.state_dir, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (ended.count == ended.capacity) {
    // Most are removed by now: keep those that are still there before asking for more room.
    unsigned kept = 0;
    for (unsigned i = 0; i < ended.count; ++i) {
      if (::faccessat(ended.containers, ended.ids[i], F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        std::memmove(ended.ids[kept++], ended.ids[i], sizeof ended.ids[0]);
    }
    ended.count = kept;
    if (ended.count * 2 >= ended.capacity) {
      const unsigned wanted = ended.capacity == 0 ? 64 : ended.capacity * 2;
      auto* grown = static_cast<char(*)[72]>(std::realloc(ended.ids, wanted * sizeof ended.ids[0]));
      if (grown == nullptr) return;
      ended.ids = grown;
      ended.capacity = wanted;
    }
  }
  std::memcpy(ended.ids[ended.count++], t.id, sizeof t.id);
}

void remove_tree(int parent, const char* name) noexcept {
  if (::unlinkat(parent, name, 0) == 0 || errno == ENOENT) return;
  const int fd = ::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd >= 0) {
    if (DIR* dir = ::fdopendir(fd); dir != nullptr) {
      while (const dirent* entry = ::readdir(dir)) {
        if (std::strcmp(entry->d_name, ".") != 0 && std::strcmp(entry->d_name, "..") != 0)
          remove_tree(::dirfd(dir), entry->d_name);
      }
      ::closedir(dir);
    } else {
      ::close(fd);
    }
  }
  (void)::unlinkat(parent, name, AT_REMOVEDIR);
}

}  // namespace contain::runtime::sv
