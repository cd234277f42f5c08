// A host with threads, children and signal handlers of its own must not notice that containers run beside it.
#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "contain/contain.hpp"

namespace {

namespace fs = std::filesystem;

constexpr int threads = 8;

/// A directory that goes away with it.
class scratch_directory {
 public:
  scratch_directory() {
    std::string pattern = (fs::temp_directory_path() / "contain-embedding-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr)
      throw fs::filesystem_error("mkdtemp", std::error_code(errno, std::generic_category()));
    path_ = pattern;
  }
  scratch_directory(const scratch_directory&) = delete;
  scratch_directory& operator=(const scratch_directory&) = delete;
  ~scratch_directory() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  [[nodiscard]] const fs::path& path() const noexcept { return path_; }

 private:
  fs::path path_;
};

class embedding : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: the containers have id ranges of their own";
    const fs::path busybox = fs::exists("/usr/bin/busybox") ? "/usr/bin/busybox" : "/bin/busybox";
    if (!fs::exists(busybox)) GTEST_SKIP() << "needs Debian's busybox-static";
    const fs::path root = scratch_.path() / "root";
    fs::create_directories(root / "bin");
    fs::copy_file(busybox, root / "bin/busybox");
    for (const char* applet : {"sh", "ls", "true", "sleep"}) fs::create_symlink("busybox", root / "bin" / applet);
    engine_.emplace(contain::engine_options{.root = scratch_.path() / "store", .log = {}});
    contain::image::from_directory(*engine_, root, "tools:latest");
  }

  [[nodiscard]] static contain::container_options options(std::vector<std::string> command) {
    contain::container_options out;
    out.image = "tools:latest";
    out.command = std::move(command);
    return out;
  }

  /// One container's whole life; its exit code.
  int cycle(const std::string& script) {
    auto container = contain::container::create(*engine_, options({"sh", "-c", script}));
    container.start();
    const int code = container.wait().code;
    container.remove();
    return code;
  }

  /// The same from eight threads at once; the number of wrong answers.
  int storm(int cycles) {
    std::atomic<int> wrong = 0;
    std::vector<std::jthread> pool;
    for (int thread = 0; thread < threads; ++thread)
      pool.emplace_back([&, thread] {
        for (int i = 0; i < cycles; ++i)
          if (cycle("exit " + std::to_string(10 + thread)) != 10 + thread) ++wrong;
      });
    pool.clear();
    return wrong;
  }

  scratch_directory scratch_;
  std::optional<contain::engine> engine_;
};

/// What a thread has of its own or shares with the process, as text: ids, capabilities, masks, namespaces, cwd, umask.
std::string thread_state() {
  std::ostringstream out;
  std::ifstream status("/proc/thread-self/status");
  for (std::string line; std::getline(status, line);)
    for (const char* key :
         {"Umask:", "Uid:", "Gid:", "Groups:", "Sig", "Shd", "Cap", "NoNewPrivs:", "Seccomp:", "TracerPid:"})
      if (line.starts_with(key) && !line.starts_with("SigQ") && !line.starts_with("SigPnd")) out << line << '\n';
  for (const char* name :
       {"cgroup", "ipc", "mnt", "net", "pid", "time", "time_for_children", "pid_for_children", "user", "uts"})
    out << fs::read_symlink(fs::path("/proc/thread-self/ns") / name) << '\n';
  out << fs::read_symlink("/proc/thread-self/cwd") << fs::read_symlink("/proc/thread-self/root") << '\n';
  std::ifstream cgroup("/proc/thread-self/cgroup");
  out << cgroup.rdbuf();
  return out.str();
}

std::string process_state() {
  std::ostringstream out;
  int reaper = 0, signal = 0;
  ::prctl(PR_GET_CHILD_SUBREAPER, &reaper);
  ::prctl(PR_GET_PDEATHSIG, &signal);
  out << "subreaper " << reaper << " pdeathsig " << signal << " dumpable " << ::prctl(PR_GET_DUMPABLE) << " name ";
  std::array<char, 16> name{};
  ::prctl(PR_GET_NAME, name.data());
  out << name.data() << " sid " << ::getsid(0) << " pgid " << ::getpgid(0) << '\n';
  for (int number = 1; number < NSIG; ++number) {
    struct sigaction action {};
    if (::sigaction(number, nullptr, &action) == 0)
      out << number << ' ' << reinterpret_cast<const void*>(action.sa_handler) << ' ' << action.sa_flags << '\n';
  }
  for (int resource = 0; resource < RLIMIT_NLIMITS; ++resource) {
    rlimit limit{};
    ::getrlimit(static_cast<__rlimit_resource_t>(resource), &limit);
    out << resource << ' ' << limit.rlim_cur << ' ' << limit.rlim_max << '\n';
  }
  for (char** entry = environ; *entry != nullptr; ++entry) out << *entry << '\n';
  return out.str();
}

std::size_t open_descriptors() {
  const auto range = fs::directory_iterator("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(range), end(range)));
}

std::atomic<int> child_signals = 0;
void count_child_signal(int) { child_signals.fetch_add(1, std::memory_order_relaxed); }

/// Sets a signal's handler and puts the old one back.
class scoped_handler {
 public:
  scoped_handler(int number, void (*handler)(int)) : number_(number) {
    struct sigaction action {};
    action.sa_handler = handler;
    action.sa_flags = SA_RESTART;
    ::sigaction(number, &action, &old_);
  }
  scoped_handler(const scoped_handler&) = delete;
  scoped_handler& operator=(const scoped_handler&) = delete;
  ~scoped_handler() { ::sigaction(number_, &old_, nullptr); }

 private:
  int number_;
  struct sigaction old_ {};
};

TEST_F(embedding, eight_threads_keep_their_state) {
  ASSERT_EQ(cycle("true"), 0);  // whatever is set up once
  const std::string process = process_state();
  std::vector<std::string> changed(threads);
  std::vector<std::jthread> pool;
  for (int thread = 0; thread < threads; ++thread)
    pool.emplace_back([&, thread] {
      const std::string before = thread_state();
      for (int i = 0; i < 10; ++i) EXPECT_EQ(cycle("exit " + std::to_string(thread)), thread);
      const std::string after = thread_state();
      if (after != before) changed[static_cast<std::size_t>(thread)] = before + "became\n" + after;
    });
  pool.clear();
  for (const auto& change : changed) EXPECT_EQ(change, "");
  EXPECT_EQ(process_state(), process);
}

TEST_F(embedding, children_and_their_signals_stay_the_hosts) {
  ASSERT_EQ(cycle("true"), 0);
  const scoped_handler handler(SIGCHLD, count_child_signal);
  child_signals = 0;
  std::jthread containers([&] { EXPECT_EQ(storm(5), 0); });
  constexpr int own = 40;
  for (int i = 0; i < own; ++i) {
    pid_t pid = 0;
    std::string code = "exit " + std::to_string(i);
    std::array<char*, 4> argv{const_cast<char*>("sh"), const_cast<char*>("-c"), code.data(), nullptr};
    ASSERT_EQ(::posix_spawn(&pid, "/bin/sh", nullptr, nullptr, argv.data(), environ), 0);
    int status = 0;
    // Any child: had a container been one, it would turn up here.
    pid_t reaped = 0;
    while ((reaped = ::waitpid(-1, &status, 0)) < 0 && errno == EINTR) continue;
    EXPECT_EQ(reaped, pid);
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), i);
  }
  containers.join();
  EXPECT_EQ(child_signals, own);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG | __WALL), -1);
  EXPECT_EQ(errno, ECHILD);
}

TEST_F(embedding, works_where_sigchld_is_ignored) {
  const scoped_handler handler(SIGCHLD, SIG_IGN);
  EXPECT_EQ(cycle("exit 42"), 42);
  auto container = contain::container::create(*engine_, options({"sleep", "1000"}));
  container.start();
  contain::exec_options failing;
  failing.command = {"sh", "-c", "exit 7"};
  EXPECT_EQ(container.exec_run(failing).status.code, 7);
  container.kill();
  EXPECT_EQ(container.wait().code, 137);
  struct sigaction now {};
  ::sigaction(SIGCHLD, nullptr, &now);
  EXPECT_EQ(now.sa_handler, SIG_IGN);
}

TEST_F(embedding, two_hundred_cycles_leak_no_descriptor) {
  for (int i = 0; i < 5; ++i) ASSERT_EQ(cycle("true"), 0);
  const std::size_t before = open_descriptors();
  for (int i = 0; i < 200; ++i) ASSERT_EQ(cycle("true"), 0);
  EXPECT_EQ(open_descriptors(), before);
}

TEST_F(embedding, descriptors_of_the_host_stay_outside) {
  std::vector<int> dirty;
  // Deliberately inheritable, as careless hosts have them: the container must not get one.
  for (int i = 0; i < 1000; ++i) dirty.push_back(::open("/", O_RDONLY | O_DIRECTORY));
  ASSERT_GE(dirty.back(), 1000);
  const auto listed = [](const std::string& text) {
    std::istringstream words(text);
    std::set<std::string> out;
    for (std::string word; words >> word;) out.insert(word);
    return out;
  };
  const std::set<std::string> standard{"0", "1", "2"};
  // Of the shell, not of ls, which has its own directory open.
  EXPECT_EQ(listed(contain::run(*engine_, options({"sh", "-c", "ls /proc/1/fd; true"})).check().out), standard);
  auto container = contain::container::create(*engine_, options({"sleep", "1000"}));
  container.start();
  contain::exec_options looking;
  looking.command = {"sh", "-c", "ls /proc/$$/fd; true"};
  EXPECT_EQ(listed(container.exec_run(looking).check().out), standard);
  for (const int fd : dirty) ::close(fd);
}

}  // namespace
