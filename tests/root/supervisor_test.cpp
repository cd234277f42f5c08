// The supervisor by itself, on hostile root file systems: what an image can put where the runtime will step.
#include "contain/runtime/supervisor.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "contain/core/error.hpp"
#include "contain/core/id.hpp"
#include "contain/runtime/spec_builder.hpp"

namespace contain::runtime {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

sys::unique_fd open_dir(const fs::path& path) {
  return sys::unique_fd{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
}

/// Until the process has ended; its zombie may stay until the machine's init looks for it.
void wait_for_end(int pid) {
  const sys::unique_fd pidfd{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))};
  if (!pidfd) return;
  pollfd ended{pidfd.get(), POLLIN, 0};
  EXPECT_EQ(::poll(&ended, 1, 10'000), 1) << "process " << pid << " goes on";
}

/// A store with one busybox layer, and one supervisor.
class supervisor_fixture : public testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/contain-supervisor-XXXXXX";
    root_ = ::mkdtemp(pattern);
    fs::create_directories(rootfs() / "bin");
    fs::create_directories(rootfs() / "etc");
    fs::create_directories(root_ / "containers");
    fs::copy_file("/bin/busybox", rootfs() / "bin/busybox");
    for (const char* applet : {"sh", "cat", "id", "ls", "sleep", "true", "pwd", "readlink", "stty", "yes", "head"})
      fs::create_symlink("busybox", rootfs() / "bin" / applet);
    std::ofstream{rootfs() / "etc/passwd"} << "root:x:0:0:r:/root:/bin/sh\nana:x:1000:1000::/home/ana:/bin/sh\n"
                                              "1234:x:0:0:digits are no name:/:/bin/sh\n";
    std::ofstream{rootfs() / "etc/group"} << "root:x:0:\nwheel:x:10:ana\nstaff:x:50:\n";
    supervisor_.emplace(supervisor::spawn());
    host_ = probe_host();
  }
  void TearDown() override {
    const int pid = supervisor_ ? supervisor_->pid() : 0;
    supervisor_.reset();
    // It removes its containers' files on its way out.
    if (pid != 0) wait_for_end(pid);
    fs::remove_all(root_);
  }
  [[nodiscard]] fs::path rootfs() const { return root_ / "layers/base"; }

  struct running {
    launched process;
    sys::unique_fd client;
    fs::path directory;
  };

  running start(container_options options, bool input = false) {
    const auto id = ids::random_id();
    const auto directory = root_ / "containers" / id;
    fs::create_directories(directory / "upper");
    fs::create_directories(directory / "work");
    auto built = build_spec(id, options, {}, host_, 0x50000000);
    const auto store = open_dir(root_);
    const auto state = open_dir(directory);
    const auto listener = make_listener(state.get());
    auto client = make_client({input, true});
    launch_request request;
    request.id = id;
    request.spec = &built.spec;
    request.rootfs = {store.get(), {"layers/base"}, "containers/" + id + "/upper", "containers/" + id + "/work"};
    request.open_stdin = input;
    request.state_fd = state.get();
    request.listen_fd = listener.get();
    request.first_client = std::move(client.theirs);
    running result;
    result.process = supervisor_->launch(std::move(request));
    result.client = std::move(client.ours);
    result.directory = directory;
    return result;
  }

  struct outcome {
    std::string out;
    exit_status exit;
    bool exited = false;
  };
  static outcome collect(const running& from) {
    outcome result;
    while (true) {
      const auto event = next_event(from.client.get(), {}, 20s);
      if (event.what == client_event::kind::output) result.out += event.data;
      if (event.what == client_event::kind::closed) return result;
      if (event.what != client_event::kind::exited) continue;
      result.exit = event.exit;
      result.exited = true;
      return result;
    }
  }
  outcome shell(const std::string& script, container_options options = {}) {
    options.command = {"/bin/sh", "-c", script};
    return collect(start(std::move(options)));
  }
  errc start_failure(container_options options) {
    try {
      (void)start(std::move(options));
    } catch (const error& e) {
      return e.code();
    }
    return errc{};
  }

  fs::path root_;
  std::optional<supervisor> supervisor_;
  host_facts host_;
};

container_options command(std::vector<std::string> words) {
  container_options options;
  options.command = std::move(words);
  return options;
}

TEST_F(supervisor_fixture, gives_every_exit_code_and_every_byte) {
  for (const int code : {0, 1, 7, 125, 126, 127, 255}) {
    const auto result = shell("echo out; exit " + std::to_string(code));
    EXPECT_EQ(result.exit.code, code);
    EXPECT_EQ(result.out, "out\n");
  }
}

TEST_F(supervisor_fixture, only_three_descriptors_arrive_whatever_the_host_left_open) {
  std::vector<sys::unique_fd> dirty;
  for (int i = 0; i < 50; ++i) dirty.emplace_back(::open("/", O_RDONLY | O_DIRECTORY));  // no O_CLOEXEC
  supervisor_.emplace(supervisor::spawn());
  // The fourth is the directory that ls itself has open.
  EXPECT_EQ(collect(start(command({"ls", "/proc/self/fd"}))).out, "0\n1\n2\n3\n");
}

TEST_F(supervisor_fixture, a_working_directory_in_proc_self_fd_leads_nowhere) {
  const sys::unique_fd dirty{::open("/", O_RDONLY | O_DIRECTORY)};
  supervisor_.emplace(supervisor::spawn());
  for (int fd = 0; fd < 24; ++fd) {
    container_options options = command({"/bin/ls", "-d", "work/main", "var/lib/dpkg"});
    options.workdir = "/proc/self/fd/" + std::to_string(fd);
    try {
      const auto result = collect(start(options));
      EXPECT_NE(result.exit.code, 0) << options.workdir << ": " << result.out;
    } catch (const error& e) {
      EXPECT_TRUE(e.code() == errc::bad_workdir || e.code() == errc::command_not_found) << e.what();
    }
  }
}

TEST_F(supervisor_fixture, links_in_place_of_dev_proc_and_sys_are_refused) {
  const auto canary = root_ / "canary";
  for (const std::string name : {"dev", "proc", "sys"}) {
    for (const auto& target : {canary, fs::path{"../../../../.."} / canary.relative_path(), fs::path{"/etc"}}) {
      fs::create_directories(canary);
      fs::create_symlink(target, rootfs() / name);
      EXPECT_EQ(start_failure(command({"true"})), errc::start_failed) << name << " -> " << target;
      EXPECT_TRUE(fs::is_empty(canary));
      fs::remove(rootfs() / name);
    }
  }
}

TEST_F(supervisor_fixture, masks_hold_although_the_image_brings_its_own_null) {
  fs::create_directories(rootfs() / "dev");
  fs::create_symlink("/proc/sys/kernel/core_pattern", rootfs() / "dev/null");
  const auto result =
      shell("ls -l /dev/null | head -c 1; cat /proc/kallsyms /proc/keys; echo x > /proc/sys/kernel/core_pattern");
  EXPECT_EQ(result.out.substr(0, 1), "c");
  EXPECT_NE(result.exit.code, 0);
  EXPECT_EQ(result.out.find(" T "), std::string::npos);
}

TEST_F(supervisor_fixture, users_are_found_as_docker_finds_them) {
  const auto id = [&](const std::string& user) {
    container_options options = command({"id"});
    options.user = user;
    return collect(start(options)).out;
  };
  EXPECT_EQ(id("ana"), "uid=1000(ana) gid=1000 groups=10(wheel),1000\n");
  EXPECT_EQ(id("1000"), "uid=1000(ana) gid=1000 groups=10(wheel),1000\n");
  EXPECT_EQ(id("ana:staff"), "uid=1000(ana) gid=50(staff) groups=50(staff)\n");
  EXPECT_EQ(id("77:88"), "uid=77 gid=88 groups=88\n");
  EXPECT_EQ(id("1234"), "uid=1234 gid=0(root) groups=0(root)\n");  // digits are an id, never a name
}

TEST_F(supervisor_fixture, an_unknown_user_or_group_is_named) {
  container_options options = command({"id"});
  for (const std::string user : {"bob", "ana:nogroup", "bob:wheel"}) {
    options.user = user;
    EXPECT_EQ(start_failure(options), errc::unknown_user) << user;
  }
}

TEST_F(supervisor_fixture, a_hostile_passwd_costs_neither_memory_nor_time) {
  container_options options = command({"id"});
  options.user = "ana";
  const auto passwd = rootfs() / "etc/passwd";
  const auto refused_quickly = [&] {
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(start_failure(options), errc::unknown_user);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 5s);
  };
  fs::remove(passwd);
  ASSERT_EQ(::mkfifo(passwd.c_str(), 0644), 0);
  refused_quickly();
  fs::remove(passwd);
  fs::create_symlink("/dev/zero", passwd);
  refused_quickly();
  fs::remove(passwd);
  std::ofstream{passwd} << "x";
  fs::resize_file(passwd, 2ULL << 30U);
  refused_quickly();
  std::ofstream{passwd} << std::string(100'000, 'a') << "\nana:x:1000:1000::/home/ana:/bin/sh\n";
  EXPECT_EQ(shell("echo $HOME", options).out, "/home/ana\n");  // a long line hides nothing after it
}

TEST_F(supervisor_fixture, a_missing_working_directory_is_made_and_a_file_is_refused) {
  container_options options = command({"pwd"});
  options.workdir = "/new/deep/dir";
  EXPECT_EQ(collect(start(options)).out, "/new/deep/dir\n");
  options.workdir = "/etc/passwd";
  EXPECT_EQ(start_failure(options), errc::bad_workdir);
}

TEST_F(supervisor_fixture, a_large_environment_travels_whole) {
  container_options options;
  options.env["BIG"] = std::string(120'000, 'x');
  EXPECT_EQ(shell("echo ${#BIG}", options).out, "120000\n");
}

TEST_F(supervisor_fixture, a_mebibyte_of_stdin_comes_back_and_its_end_is_the_end) {
  const auto container = start(command({"cat"}), true);
  const std::string sent(1U << 20U, 'z');
  std::thread writer{[&] {
    send_input(container.client.get(), sent);
    send_input_end(container.client.get());
  }};
  const auto result = collect(container);
  writer.join();
  EXPECT_EQ(result.out, sent);
  EXPECT_EQ(result.exit.code, 0);
}

TEST_F(supervisor_fixture, input_that_nobody_reads_does_not_hide_how_it_ended) {
  for (int i = 0; i < 20; ++i) {
    const auto container = start(command({"/bin/sh", "-c", "echo last; exit 3"}));  // stdin is not open
    try {
      send_input(container.client.get(), "unread");
      send_input_end(container.client.get());
    } catch (const error&) {  // EPIPE: it has ended already
    }
    const auto result = collect(container);
    EXPECT_EQ(result.out, "last\n");
    ASSERT_TRUE(result.exited);
    EXPECT_EQ(result.exit.code, 3);
  }
}

TEST_F(supervisor_fixture, a_client_that_does_not_read_holds_up_nobody_else) {
  const auto stuck = start(command({"yes"}));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(shell("echo on").out, "on\n");
  EXPECT_EQ(::kill(stuck.process.pid, SIGKILL), 0);
  EXPECT_EQ(collect(stuck).exit.code, 137);
}

TEST_F(supervisor_fixture, failed_execs_leave_nothing_that_keeps_the_container_from_ending) {
  const auto container = start(command({"sleep", "1000"}));
  const sys::unique_fd pidfd{static_cast<int>(::syscall(SYS_pidfd_open, container.process.pid, 0))};
  const auto built = build_spec(ids::random_id(), command({"sleep"}), {}, host_, 0x50000000);
  for (int i = 0; i < 30; ++i) {
    exec_options options;
    options.command = {"nosuch"};
    const auto process = build_exec(built.spec, options, host_);
    exec_request request;
    request.process = &process;
    request.container = &built.spec;
    request.target_pidfd = pidfd.get();
    for (auto& end : request.stdio) end.reset(::open("/dev/null", O_RDWR | O_CLOEXEC));
    try {
      (void)supervisor_->exec(std::move(request));
      ADD_FAILURE() << "executed";
    } catch (const error& e) {
      EXPECT_EQ(e.code(), errc::command_not_found) << e.what();
    }
  }
  ASSERT_EQ(::kill(container.process.pid, SIGKILL), 0);
  EXPECT_EQ(collect(container).exit.code, 137);
}

TEST_F(supervisor_fixture, a_terminal_has_the_size_it_was_given) {
  container_options options = command({"stty", "size"});
  options.tty = true;
  options.size = {40, 100};
  EXPECT_EQ(collect(start(options)).out, "40 100\r\n");
}

TEST_F(supervisor_fixture, its_end_is_the_end_of_its_containers_and_their_files) {
  const auto container = start(command({"sleep", "1000"}));
  const int pid = supervisor_->pid();
  supervisor_.reset();
  wait_for_end(container.process.pid);
  wait_for_end(pid);
  EXPECT_FALSE(fs::exists(container.directory));
}

TEST_F(supervisor_fixture, a_forked_child_of_the_host_keeps_nothing_alive) {
  struct {
    int supervisor = 0, container = 0, forked = 0;
  } pids;
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const sys::unique_fd reader{ends[0]};
  const sys::unique_fd writer{ends[1]};
  const int host = ::fork();
  if (host == 0) {
    supervisor_.emplace(supervisor::spawn());
    pids.supervisor = supervisor_->pid();
    pids.container = start(command({"sleep", "1000"})).process.pid;
    pids.forked = ::fork();
    if (pids.forked == 0) {  // holds a copy of the socket to the supervisor and executes nothing
      ::pause();
      ::_exit(0);
    }
    (void)!::write(writer.get(), &pids, sizeof pids);
    ::raise(SIGKILL);
  }
  ASSERT_EQ(::read(reader.get(), &pids, sizeof pids), static_cast<ssize_t>(sizeof pids));
  wait_for_end(pids.container);
  wait_for_end(pids.supervisor);
  EXPECT_EQ(::kill(pids.forked, SIGKILL), 0);
  EXPECT_EQ(::waitpid(host, nullptr, 0), host);
}

TEST_F(supervisor_fixture, killing_it_kills_what_it_was_the_parent_of) {
  const auto container = start(command({"sleep", "1000"}));
  ASSERT_EQ(::kill(supervisor_->pid(), SIGKILL), 0);
  wait_for_end(container.process.pid);
  EXPECT_EQ(start_failure(command({"true"})), errc::supervisor_lost);
}

TEST_F(supervisor_fixture, it_stays_under_a_mebibyte) {
  const auto container = start(command({"sleep", "1000"}));
  std::ifstream status{"/proc/" + std::to_string(supervisor_->pid()) + "/status"};
  long resident = -1;
  for (std::string word; status >> word;) {
    if (word == "VmRSS:") status >> resident;
  }
  EXPECT_GT(resident, 0);
  EXPECT_LE(resident, 1024) << "KiB";
}

}  // namespace
}  // namespace contain::runtime
