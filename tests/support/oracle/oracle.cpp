// Runs inside a container and prints, as one JSON object, what it can see and do there. Its arguments are paths to
// examine and, after an @, abstract sockets to connect to. "eat MIB" and "fork N" press against limits instead,
// "wait SECONDS" gives an exec something to join. Nothing here knows what a container should be like:
// tests/root/isolation_test.cpp does.
//
// Every call is made so that it changes nothing where it is allowed: arguments are invalid in a way that the kernel
// looks at after the permission, or the effect ends with a child.
#include <dirent.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <initializer_list>

extern char** environ;

namespace {

bool first_member = true;

void comma() {
  if (!first_member) std::putchar(',');
  first_member = false;
}

void put_text(const char* text, std::size_t size) {
  std::putchar('"');
  for (std::size_t i = 0; i < size; ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c == '"' || c == '\\') {
      std::printf("\\%c", c);
    } else if (c < 0x20 || c >= 0x7f) {
      std::printf("\\u%04x", c);
    } else {
      std::putchar(c);
    }
  }
  std::putchar('"');
}
void put_text(const char* text) { put_text(text, std::strlen(text)); }

void name(const char* member) {
  comma();
  put_text(member);
  std::putchar(':');
}
void text(const char* member, const char* value) {
  name(member);
  put_text(value);
}
void number(const char* member, long long value) {
  name(member);
  std::printf("%lld", value);
}
void open_object(const char* member) {
  name(member);
  std::putchar('{');
  first_member = true;
}
void close_object() {
  std::putchar('}');
  first_member = false;
}

/// A file's content, at most 64 KiB; null and the errno if it cannot be read.
void file(const char* member, const char* path) {
  static char content[65536];
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return number(member, errno);
  std::size_t size = 0;
  for (;;) {
    const auto got = ::read(fd, content + size, sizeof content - size);
    if (got <= 0 || (size += static_cast<std::size_t>(got)) == sizeof content) break;
  }
  ::close(fd);
  name(member);
  put_text(content, size);
}

void link_target(const char* member, const char* path) {
  char target[4096];
  const auto size = ::readlink(path, target, sizeof target);
  if (size < 0) return number(member, errno);
  name(member);
  put_text(target, static_cast<std::size_t>(size));
}

void namespaces() {
  open_object("namespaces");
  for (const char* kind : {"user", "mnt", "pid", "net", "ipc", "uts", "cgroup", "time"}) {
    char path[64];
    std::snprintf(path, sizeof path, "/proc/self/ns/%s", kind);
    link_target(kind, path);
  }
  close_object();
}

void status() {
  open_object("status");
  if (std::FILE* lines = std::fopen("/proc/self/status", "re")) {
    char line[512];
    while (std::fgets(line, sizeof line, lines) != nullptr) {
      char* colon = std::strchr(line, ':');
      if (colon == nullptr) continue;
      *colon = '\0';
      char* value = colon + 1;
      while (*value == '\t' || *value == ' ') ++value;
      value[std::strcspn(value, "\n")] = '\0';
      text(line, value);
    }
    std::fclose(lines);
  }
  close_object();
}

void rlimits() {
  open_object("rlimits");
  struct named {
    const char* name;
    int resource;
  };
  for (const auto& [limit, resource] : {named{"nofile", RLIMIT_NOFILE}, named{"core", RLIMIT_CORE},
                                        named{"nproc", RLIMIT_NPROC}, named{"stack", RLIMIT_STACK}}) {
    struct rlimit value {};
    ::getrlimit(static_cast<__rlimit_resource>(resource), &value);
    name(limit);
    std::printf("[%llu,%llu]", static_cast<unsigned long long>(value.rlim_cur),
                static_cast<unsigned long long>(value.rlim_max));
  }
  close_object();
}

void descriptors() {
  open_object("fds");
  if (DIR* own = ::opendir("/proc/self/fd")) {
    while (const dirent* entry = ::readdir(own)) {
      if (entry->d_name[0] == '.' || std::atoi(entry->d_name) == ::dirfd(own)) continue;
      char path[300];
      std::snprintf(path, sizeof path, "/proc/self/fd/%s", entry->d_name);
      link_target(entry->d_name, path);
    }
    ::closedir(own);
  }
  close_object();
}

void devices() {
  open_object("devices");
  if (DIR* dev = ::opendir("/dev")) {
    while (const dirent* entry = ::readdir(dev)) {
      struct stat st {};
      if (entry->d_name[0] == '.' || ::fstatat(::dirfd(dev), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0) continue;
      name(entry->d_name);
      if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) {
        std::printf("\"%c%u:%u\"", S_ISCHR(st.st_mode) ? 'c' : 'b', major(st.st_rdev), minor(st.st_rdev));
      } else {
        std::printf("\"%s\"", S_ISLNK(st.st_mode) ? "link" : S_ISDIR(st.st_mode) ? "directory" : "other");
      }
    }
    ::closedir(dev);
  }
  close_object();
}

/// What there is of a path, how much of it can be read, and whether it can be opened for writing.
void examine(const char* path) {
  open_object(path);
  struct stat st {};
  const bool there = ::lstat(path, &st) == 0;
  number("exists", there ? 1 : 0);
  if (there && S_ISDIR(st.st_mode)) {
    long long entries = 0;
    if (DIR* directory = ::opendir(path)) {
      while (const dirent* entry = ::readdir(directory))
        if (std::strcmp(entry->d_name, ".") != 0 && std::strcmp(entry->d_name, "..") != 0) ++entries;
      ::closedir(directory);
    } else {
      entries = -errno;
    }
    number("entries", entries);
    char inside[4200];
    std::snprintf(inside, sizeof inside, "%s/oracle-was-here", path);
    const int made = ::open(inside, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    number("write", made < 0 ? errno : 0);
    if (made >= 0) {
      ::close(made);
      ::unlink(inside);
    }
  } else if (there) {
    char piece[4096];
    const int fd = ::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    const long long got = fd < 0 ? -errno : static_cast<long long>(::read(fd, piece, sizeof piece));
    number("bytes", got < 0 && fd >= 0 ? -errno : got);
    if (fd >= 0) ::close(fd);
    const int written = ::open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK);
    number("write", written < 0 ? errno : 0);
    if (written >= 0) ::close(written);
  }
  close_object();
}

void sockets() {
  struct family {
    const char* name;
    int number, type, protocol;
  };
  open_object("sockets");
  for (const auto& f :
       {family{"unix", 1, SOCK_STREAM, 0}, family{"inet", 2, SOCK_STREAM, 0}, family{"inet6", 10, SOCK_STREAM, 0},
        family{"route", 16, SOCK_RAW, 0}, family{"netfilter", 16, SOCK_RAW, 12}, family{"packet", 17, SOCK_RAW, 0},
        family{"alg", 38, SOCK_SEQPACKET, 0}, family{"vsock", 40, SOCK_STREAM, 0}, family{"raw", 2, SOCK_RAW, 1}}) {
    const int fd = ::socket(f.number, f.type | SOCK_CLOEXEC, f.protocol);
    number(f.name, fd < 0 ? errno : 0);
    if (fd >= 0) ::close(fd);
  }
  close_object();
}

/// In a child, so that a call that works changes nothing for the calls after it. An errno, 0, or minus a signal.
template <class Call>
void attempt(const char* member, Call call) {
  std::fflush(stdout);
  const pid_t child = ::fork();
  if (child == 0) ::_exit(call() < 0 ? errno : 0);
  int state = 0;
  ::waitpid(child, &state, 0);
  number(member, WIFSIGNALED(state) ? -WTERMSIG(state) : WEXITSTATUS(state));
}

void calls() {
  open_object("calls");
  attempt("unshare_user", [] { return ::unshare(CLONE_NEWUSER); });
  attempt("unshare_net", [] { return ::unshare(CLONE_NEWNET); });
  attempt("setns", [] { return ::setns(::open("/proc/1/ns/mnt", O_RDONLY | O_CLOEXEC), 0); });
  attempt("mount", [] { return ::mount("none", "/no-such-place", "tmpfs", 0, nullptr); });
  attempt("umount", [] { return ::umount2("/no-such-place", MNT_DETACH); });
  attempt("pivot_root", [] { return static_cast<int>(::syscall(SYS_pivot_root, "/no-such-place", "/no-such-place")); });
  attempt("fsopen", [] { return static_cast<int>(::syscall(SYS_fsopen, "ext4", 0)); });
  attempt("chroot", [] { return ::chroot("/"); });
  attempt("ptrace", [] { return static_cast<int>(::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr)); });
  attempt("keyctl",
          [] { return static_cast<int>(::syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0)); });
  attempt("add_key",
          [] { return static_cast<int>(::syscall(SYS_add_key, "user", "oracle", "x", 1, KEY_SPEC_PROCESS_KEYRING)); });
  attempt("bpf", [] { return static_cast<int>(::syscall(SYS_bpf, 0, nullptr, 0)); });
  attempt("perf_event_open", [] { return static_cast<int>(::syscall(SYS_perf_event_open, nullptr, 0, -1, -1, 0)); });
  attempt("userfaultfd", [] { return static_cast<int>(::syscall(SYS_userfaultfd, 0)); });
  attempt("io_uring_setup", [] { return static_cast<int>(::syscall(SYS_io_uring_setup, 1, nullptr)); });
  attempt("clone3", [] { return static_cast<int>(::syscall(SYS_clone3, nullptr, 0)); });
  attempt("unknown", [] { return static_cast<int>(::syscall(600)); });
  attempt("syslog", [] { return static_cast<int>(::syscall(SYS_syslog, 10, nullptr, 0)); });
  attempt("sethostname", [] { return static_cast<int>(::syscall(SYS_sethostname, "x", -1)); });
  attempt("settime", [] {
    const timespec never{0, -1};
    // Raw: libc would refuse the value itself.
    return static_cast<int>(::syscall(SYS_clock_settime, CLOCK_REALTIME, &never));
  });
  attempt("mknod_device", [] {
    const int made = ::mknod("/oracle-device", S_IFCHR | 0600, makedev(1, 3));
    if (made == 0) ::unlink("/oracle-device");
    return made;
  });
  attempt("mknod_fifo", [] {
    const int made = ::mknod("/oracle-fifo", S_IFIFO | 0600, 0);
    ::unlink("/oracle-fifo");
    return made;
  });
  attempt("tiocsti", [] { return ::ioctl(0, TIOCSTI, "x"); });
  attempt("tiocsti_high_bits", [] { return static_cast<int>(::syscall(SYS_ioctl, 0, 1L << 40 | TIOCSTI, "x")); });
  attempt("personality", [] { return static_cast<int>(::syscall(SYS_personality, 0x0040000)); });
  attempt("raise_nofile", [] {
    const rlimit more{1U << 20U, 1U << 20U};
    return ::setrlimit(RLIMIT_NOFILE, &more);
  });
  attempt("open_by_handle_at", [] {
    alignas(8) unsigned char handle[128] = {8, 0, 0, 0, 1, 0, 0, 0, 2};
    return static_cast<int>(::syscall(SYS_open_by_handle_at, AT_FDCWD, handle, O_RDONLY));
  });
#if defined(__x86_64__)
  attempt("i386", [] {
    int answer = 0;
    asm volatile("int $0x80" : "=a"(answer) : "a"(20) : "memory");
    return answer;
  });
#endif
  attempt("setuid_65536", [] { return ::setuid(65536); });
  attempt("setuid_1000", [] { return ::setuid(1000); });
  close_object();
}

/// Connects to an abstract socket that the test listens on; only meaningful in the host's network namespace.
void abstract_socket(const char* path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path + 1, path, sizeof address.sun_path - 2);
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + std::strlen(path));
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  number("abstract_socket", ::connect(fd, reinterpret_cast<sockaddr*>(&address), size) == 0 ? 0 : errno);
  ::close(fd);
}

void identity() {
  number("pid", ::getpid());
  number("ppid", ::getppid());
  number("sid", ::getsid(0));
  number("uid", ::getuid());
  number("gid", ::getgid());
  gid_t groups[256];
  const int count = ::getgroups(256, groups);
  name("groups");
  std::putchar('[');
  for (int i = 0; i < count; ++i) std::printf("%s%u", i == 0 ? "" : ",", groups[i]);
  std::putchar(']');
  utsname names{};
  ::uname(&names);
  text("hostname", names.nodename);
  text("domainname", names.domainname);
  char cwd[4096];
  text("cwd", ::getcwd(cwd, sizeof cwd) == nullptr ? "" : cwd);
  const mode_t mask = ::umask(022);
  number("umask", mask);
  timespec up{};
  ::clock_gettime(CLOCK_BOOTTIME, &up);
  number("boottime_s", up.tv_sec);
  number("dumpable", ::prctl(PR_GET_DUMPABLE));
  open_object("env");
  for (char** entry = environ; *entry != nullptr; ++entry) {
    char* equal = std::strchr(*entry, '=');
    if (equal == nullptr) continue;
    *equal = '\0';
    text(*entry, equal + 1);
  }
  close_object();
}

/// Touches `mebibytes` of memory and says when it has them.
int eat(long mebibytes) {
  const auto size = static_cast<std::size_t>(mebibytes) << 20U;
  auto* memory = static_cast<char*>(std::malloc(size));
  if (memory == nullptr) return 1;
  for (std::size_t i = 0; i < size; i += 4096) memory[i] = 1;
  std::puts("eaten");
  return memory[size - 4096] == 1 ? 0 : 1;
}

/// Says how many of `count` children could be made at once.
int fork_children(long count) {
  long made = 0;
  while (made < count) {
    const pid_t child = ::fork();
    if (child < 0) break;
    if (child == 0) {
      ::pause();
      ::_exit(0);
    }
    ++made;
  }
  std::printf("%ld\n", made);
  return 0;  // as the first process of a pid namespace, it takes them along
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && std::strcmp(argv[1], "eat") == 0) return eat(std::atol(argv[2]));
  if (argc == 3 && std::strcmp(argv[1], "fork") == 0) return fork_children(std::atol(argv[2]));
  if (argc == 3 && std::strcmp(argv[1], "wait") == 0)
    return static_cast<int>(::sleep(static_cast<unsigned>(std::atol(argv[2]))));
  std::putchar('{');
  descriptors();
  identity();
  namespaces();
  file("uid_map", "/proc/self/uid_map");
  file("gid_map", "/proc/self/gid_map");
  file("setgroups", "/proc/self/setgroups");
  file("cgroup", "/proc/self/cgroup");
  file("mountinfo", "/proc/self/mountinfo");
  file("uptime", "/proc/uptime");
  file("oom_score_adj", "/proc/self/oom_score_adj");
  file("net_dev", "/proc/net/dev");
  file("hosts", "/etc/hosts");
  file("resolv_conf", "/etc/resolv.conf");
  file("sysctl_hostname", "/proc/sys/kernel/hostname");
  status();
  rlimits();
  devices();
  open_object("paths");
  for (int i = 1; i < argc; ++i)
    if (argv[i][0] == '/') examine(argv[i]);
  close_object();
  for (int i = 1; i < argc; ++i)
    if (argv[i][0] == '@') abstract_socket(argv[i] + 1);
  sockets();
  calls();
  std::puts("}");
  return std::fflush(stdout) == 0 ? 0 : 1;
}
