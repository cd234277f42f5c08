// Every row of the isolation profile, looked at from inside a container by tests/support/oracle, and what the container
// says of it.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "contain/contain.hpp"
#include "contain/runtime/host_facts.hpp"
#include "contain/runtime/profile.hpp"
#include "contain/sys/fd.hpp"

namespace {

using namespace contain;
using nlohmann::json;
namespace fs = std::filesystem;

/// A store with one image that holds the oracle and what tries to mislead a runtime.
class workshop {
 public:
  workshop() {
    std::string pattern = fs::temp_directory_path() / "contain-isolation-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
    directory_ = pattern;
    const auto rootfs = directory_ / "rootfs";
    for (const auto* name : {"etc", "tmp", "data"}) fs::create_directories(rootfs / name);
    fs::copy_file(CONTAIN_ORACLE, rootfs / "oracle");
    std::ofstream(rootfs / "etc/passwd")
        << "root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n1001:x:0:0::/:/bin/sh\n";
    std::ofstream(rootfs / "etc/group") << "root:x:0:\napp:x:1000:\nextra:x:2000:app\n";
    engine_ = std::make_unique<engine>(engine_options{.root = directory_ / "store", .log = {}});
    (void)image::from_directory(*engine_, rootfs, "oracle");
  }
  ~workshop() {
    engine_.reset();
    std::error_code ignored;
    fs::remove_all(directory_, ignored);
  }
  workshop(const workshop&) = delete;
  workshop& operator=(const workshop&) = delete;

  engine& contained() { return *engine_; }
  const fs::path& directory() const { return directory_; }

 private:
  fs::path directory_;
  std::unique_ptr<engine> engine_;
};

struct report {
  json seen;
  std::map<std::string, isolation_row> rows;
};

class isolation : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (::geteuid() == 0) shop = std::make_unique<workshop>();
  }
  static void TearDownTestSuite() { shop.reset(); }
  void SetUp() override {
    if (!shop) GTEST_SKIP() << "needs root";
  }

  /// Starts a container of the oracle, reads what it says, and takes the rows that the container gives of itself.
  static report look(container_options options = {}, const std::vector<std::string>& paths = {}) {
    return look_in(shop->contained(), std::move(options), paths);
  }
  static report look_in(engine& in, container_options options, const std::vector<std::string>& paths) {
    options.image = "oracle";
    options.command = {"/oracle"};
    options.command.insert(options.command.end(), paths.begin(), paths.end());
    auto c = container::create(in, options);
    c.start();
    const auto ended = c.wait();
    EXPECT_EQ(ended.code, 0) << c.log_text(stream::err);
    report result;
    result.seen = json::parse(c.log_text(stream::out));
    for (auto& row : c.isolation()) result.rows[row.name] = row;
    return result;
  }

  static std::unique_ptr<workshop> shop;
};
std::unique_ptr<workshop> isolation::shop;

std::string own_namespace(const std::string& kind) {
  std::array<char, 128> target{};
  const auto size = ::readlink(("/proc/self/ns/" + kind).c_str(), target.data(), target.size());
  return {target.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
}

std::uint64_t mask(const json& status, const char* field) {
  return std::stoull(status.at(field).get<std::string>(), nullptr, 16);
}

void expect_got(const report& r, const char* row) {
  ASSERT_TRUE(r.rows.contains(row)) << row;
  EXPECT_EQ(r.rows.at(row).result, isolation_row::grade::got) << row << ": " << r.rows.at(row).detail;
}
void expect_opted_out(const report& r, const char* row) {
  ASSERT_TRUE(r.rows.contains(row)) << row;
  EXPECT_EQ(r.rows.at(row).result, isolation_row::grade::opted_out) << row << ": " << r.rows.at(row).detail;
}

TEST_F(isolation, every_namespace_is_its_own) {
  const auto r = look();
  for (const auto* kind : {"user", "mnt", "pid", "net", "ipc", "uts", "cgroup", "time"})
    EXPECT_NE(r.seen.at("namespaces").at(kind), own_namespace(kind)) << kind;
  for (const auto* row : {"user_namespace", "namespaces", "cgroup_namespace", "time_namespace", "network"})
    expect_got(r, row);
  EXPECT_EQ(r.seen.at("pid"), 1);
  EXPECT_EQ(r.seen.at("ppid"), 0);
  EXPECT_EQ(r.seen.at("sid"), 1);
}

TEST_F(isolation, ids_are_a_private_range) {
  const auto first = look(), second = look();
  const auto range = [](const report& r) {
    std::istringstream map(r.seen.at("uid_map").get<std::string>());
    std::uint64_t inside = 9, outside = 0, size = 0;
    map >> inside >> outside >> size;
    EXPECT_EQ(inside, 0U);
    EXPECT_EQ(size, 65536U);
    EXPECT_GE(outside, 65536U);
    std::string more;
    EXPECT_FALSE(map >> more);
    return outside;
  };
  (void)range(first);
  (void)range(second);
  EXPECT_EQ(first.seen.at("uid_map"), first.seen.at("gid_map"));
  EXPECT_EQ(first.seen.at("calls").at("setuid_1000"), 0);
  EXPECT_EQ(first.seen.at("calls").at("setuid_65536"), EINVAL);
}

TEST_F(isolation, two_containers_at_once_share_no_id) {
  const auto start = [] {
    container_options options;
    options.image = "oracle";
    options.command = {"/oracle", "/proc/self/uid_map"};
    auto c = container::create(shop->contained(), options);
    c.start();
    (void)c.wait();
    const auto seen = json::parse(c.log_text(stream::out));
    return std::pair(std::move(c), seen.at("uid_map").get<std::string>());
  };
  // A range belongs to the container, not to its running process: files keep its ids.
  const auto first = start(), second = start();
  EXPECT_NE(first.second, second.second);
}

TEST_F(isolation, nine_capabilities_and_no_way_to_more) {
  const auto r = look();
  const auto& status = r.seen.at("status");
  const auto wanted = runtime::data_of(isolation_profile::standard).caps;
  EXPECT_EQ(mask(status, "CapBnd"), wanted);
  EXPECT_EQ(mask(status, "CapPrm"), wanted);
  EXPECT_EQ(mask(status, "CapEff"), wanted);
  EXPECT_EQ(mask(status, "CapInh"), 0U);
  EXPECT_EQ(mask(status, "CapAmb"), 0U);
  EXPECT_EQ(status.at("NoNewPrivs"), "1");
  EXPECT_EQ(status.at("Seccomp"), "2");
  for (const auto* row : {"capabilities", "no_new_privileges", "seccomp", "native_abi"}) expect_got(r, row);
}

TEST_F(isolation, a_user_other_than_root_has_no_capabilities) {
  container_options options;
  options.user = "app";
  const auto r = look(options);
  const auto& status = r.seen.at("status");
  for (const auto* set : {"CapPrm", "CapEff", "CapInh", "CapAmb"}) EXPECT_EQ(mask(status, set), 0U) << set;
  EXPECT_EQ(r.seen.at("uid"), 1000);
  EXPECT_EQ(r.seen.at("groups"), json::parse("[1000,2000]"));
  EXPECT_EQ(r.seen.at("env").at("HOME"), "/home/app");
}

TEST_F(isolation, digits_are_never_a_name) {
  container_options options;
  options.user = "1001";  // /etc/passwd has a user of this name with uid 0
  EXPECT_EQ(look(options).seen.at("uid"), 1001);
}

TEST_F(isolation, known_dangers_are_denied_by_the_filter) {
  const auto r = look();
  const auto& calls = r.seen.at("calls");
  for (const auto* call : {"unshare_user",
                           "unshare_net",
                           "setns",
                           "mount",
                           "umount",
                           "pivot_root",
                           "fsopen",
                           "chroot",
                           "ptrace",
                           "keyctl",
                           "add_key",
                           "bpf",
                           "perf_event_open",
                           "userfaultfd",
                           "io_uring_setup",
                           "syslog",
                           "sethostname",
                           "settime",
                           "mknod_device",
                           "tiocsti",
                           "tiocsti_high_bits",
                           "personality",
                           "open_by_handle_at",
                           "raise_nofile"}) {
    EXPECT_EQ(calls.at(call), EPERM) << call;
  }
  EXPECT_EQ(calls.at("clone3"), ENOSYS);
  EXPECT_EQ(calls.at("unknown"), ENOSYS);
  EXPECT_EQ(calls.at("mknod_fifo"), 0);
  if (calls.contains("i386")) {
    EXPECT_EQ(calls.at("i386"), -SIGSYS);
  }
  const auto& sockets = r.seen.at("sockets");
  for (const auto* family : {"unix", "inet", "inet6", "route"}) EXPECT_EQ(sockets.at(family), 0) << family;
  for (const auto* family : {"netfilter", "packet", "alg", "vsock", "raw"})
    EXPECT_EQ(sockets.at(family), EPERM) << family;
}

TEST_F(isolation, masked_paths_show_nothing) {
  std::vector<std::string> paths;
  for (const auto path : runtime::data_of(isolation_profile::standard).masked) paths.emplace_back(path);
  for (const auto& path : runtime::probe_host().thermal_paths) paths.push_back(path);
  // In the host's network /sys is not a new sysfs but a copy of the host's mount; it is masked all the same.
  for (const auto network : {network_mode::isolated, network_mode::none, network_mode::host}) {
    container_options options;
    options.network = network;
    const auto r = look(options, paths);
    expect_got(r, "masked_paths");
    int there = 0;
    for (const auto& [path, seen] : r.seen.at("paths").items()) {
      if (seen.at("exists") == 0) continue;
      ++there;
      EXPECT_LE(seen.at(seen.contains("entries") ? "entries" : "bytes").get<long long>(), 0) << path;
    }
    EXPECT_GT(there, 0);
  }
}

TEST_F(isolation, system_trees_cannot_be_written) {
  const std::vector<std::string> closed{"/proc/sys/kernel/core_pattern",
                                        "/proc/sys/kernel/domainname",
                                        "/proc/sys/vm/drop_caches",
                                        "/proc/irq",
                                        "/proc/bus",
                                        "/proc/fs",
                                        "/sys",
                                        "/sys/kernel",
                                        "/sys/fs/cgroup"};
  for (const auto network : {network_mode::isolated, network_mode::host}) {
    container_options options;
    options.network = network;
    const auto r = look(options, closed);
    for (const auto& [path, seen] : r.seen.at("paths").items()) {
      if (seen.at("exists") == 0) continue;
      EXPECT_NE(seen.at("write"), 0) << path;
    }
  }
  EXPECT_EQ(look({}, {"/tmp"}).seen.at("paths").at("/tmp").at("write"), 0);
}

TEST_F(isolation, devices_are_the_harmless_ones) {
  const auto r = look();
  expect_got(r, "devices");
  const std::map<std::string, std::string> numbers{{"null", "c1:3"},   {"zero", "c1:5"},    {"full", "c1:7"},
                                                   {"random", "c1:8"}, {"urandom", "c1:9"}, {"tty", "c5:0"}};
  for (const auto& [name, seen] : r.seen.at("devices").items()) {
    const auto kind = seen.get<std::string>();
    if (kind == "link" || kind == "directory") continue;
    ASSERT_TRUE(numbers.contains(name)) << name;
    EXPECT_EQ(kind, numbers.at(name)) << name;
  }
  for (const auto& [name, kind] : numbers) EXPECT_TRUE(r.seen.at("devices").contains(name)) << name;
}

TEST_F(isolation, nothing_of_this_process_leaks_in) {
  // As a careless host has them: descriptors without close-on-exec, a variable, a umask, blocked and ignored signals.
  // An engine of its own, because that makes a supervisor, which inherits them.
  std::vector<sys::unique_fd> careless;
  for (int i = 0; i < 50; ++i) careless.emplace_back(::open("/", O_RDONLY | O_DIRECTORY));
  ::setenv("CONTAIN_TEST_SECRET", "host", 1);
  const auto mask_before = ::umask(0);
  sigset_t all{}, signals_before{};
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, &signals_before);
  const auto pipe_before = ::signal(SIGPIPE, SIG_IGN);
  const auto child_before = ::signal(SIGCHLD, SIG_IGN);
  const auto r = [] {
    engine careless_engine(engine_options{.root = shop->contained().root(), .log = {}});
    return look_in(careless_engine, {}, {});
  }();
  ::signal(SIGCHLD, child_before);
  ::signal(SIGPIPE, pipe_before);
  ::pthread_sigmask(SIG_SETMASK, &signals_before, nullptr);
  ::umask(mask_before);
  ::unsetenv("CONTAIN_TEST_SECRET");
  std::set<std::string> open;
  for (const auto& [number, target] : r.seen.at("fds").items()) open.insert(number);
  EXPECT_EQ(open, (std::set<std::string>{"0", "1", "2"}));
  EXPECT_FALSE(r.seen.at("env").contains("CONTAIN_TEST_SECRET"));
  EXPECT_EQ(r.seen.at("umask"), 022);
  const auto& status = r.seen.at("status");
  for (const auto* set : {"SigBlk", "SigIgn", "SigCgt"}) EXPECT_EQ(mask(status, set), 0U) << set;
  EXPECT_EQ(r.seen.at("cwd"), "/");
}

TEST_F(isolation, host_names_and_clocks_are_hidden) {
  container_options options;
  options.hostname = "inside.example";
  const auto r = look(options);
  EXPECT_EQ(r.seen.at("hostname"), "inside.example");
  EXPECT_EQ(r.seen.at("sysctl_hostname"), "inside.example\n");
  EXPECT_NE(r.seen.at("hosts").get<std::string>().find("inside.example"), std::string::npos);
  constexpr long long just_started_s = 30;
  EXPECT_LE(r.seen.at("boottime_s").get<long long>(), just_started_s);
  EXPECT_LE(std::stod(r.seen.at("uptime").get<std::string>()), double{just_started_s});
}

TEST_F(isolation, cgroup_paths_do_not_tell_where_it_is) {
  const auto r = look();
  std::istringstream lines(r.seen.at("cgroup").get<std::string>());
  for (std::string line; std::getline(lines, line);) {
    EXPECT_EQ(line.find("contain/"), std::string::npos) << line;
    EXPECT_EQ(line.find("process_api"), std::string::npos) << line;
  }
}

TEST_F(isolation, limits_hold) {
  const auto r = look();
  expect_got(r, "limits");
  expect_got(r, "core_dumps");
  const auto& limits = r.seen.at("rlimits");
  EXPECT_EQ(limits.at("nofile")[0], 1024);
  EXPECT_LE(limits.at("nofile")[1].get<std::uint64_t>(), 65536U);
  EXPECT_LE(limits.at("core")[1].get<std::uint64_t>(), 1U);
  EXPECT_EQ(std::stoi(r.seen.at("oom_score_adj").get<std::string>()), runtime::probe_host().oom_score_adj + 300);
}

TEST_F(isolation, memory_beyond_the_limit_ends_the_container_and_says_so) {
  container_options options;
  options.image = "oracle";
  options.command = {"/oracle", "eat", "200"};
  options.limits.memory_bytes = 32ULL << 20U;
  const auto done = run(shop->contained(), options);
  EXPECT_EQ(done.status.code, 128 + SIGKILL);
  EXPECT_TRUE(done.status.oom_killed);
  EXPECT_EQ(done.out, "");
  options.limits.memory_bytes = 400ULL << 20U;
  EXPECT_EQ(run(shop->contained(), options).out, "eaten\n");
}

TEST_F(isolation, processes_beyond_the_limit_are_not_made) {
  container_options options;
  options.image = "oracle";
  options.command = {"/oracle", "fork", "100"};
  options.limits.pids = 20;
  EXPECT_EQ(run(shop->contained(), options).out, "19\n");
}

TEST_F(isolation, an_exec_is_kept_in_as_the_container_is) {
  container_options options;
  options.image = "oracle";
  options.command = {"/oracle", "wait", "60"};
  options.security.profile = isolation_profile::sealed;
  options.hostname = "held";
  auto c = container::create(shop->contained(), options);
  c.start();
  exec_options exec;
  exec.command = {"/oracle", "/", "/proc/kcore", "/proc/sys/kernel/core_pattern"};
  const auto done = c.exec_run(exec);
  ASSERT_EQ(done.status.code, 0) << done.err;
  const auto seen = json::parse(done.out);
  const auto& status = seen.at("status");
  const auto wanted = runtime::data_of(isolation_profile::sealed).caps;
  for (const auto* set : {"CapBnd", "CapPrm", "CapEff"}) EXPECT_EQ(mask(status, set), wanted) << set;
  for (const auto* set : {"CapInh", "CapAmb"}) EXPECT_EQ(mask(status, set), 0U) << set;
  EXPECT_EQ(status.at("NoNewPrivs"), "1");
  EXPECT_EQ(status.at("Seccomp"), "2");
  EXPECT_EQ(seen.at("hostname"), "held");
  EXPECT_NE(seen.at("pid"), 1);
  for (const auto* kind : {"user", "mnt", "pid", "net", "ipc", "uts", "cgroup", "time"})
    EXPECT_NE(seen.at("namespaces").at(kind), own_namespace(kind)) << kind;
  EXPECT_EQ(seen.at("calls").at("mount"), EPERM);
  EXPECT_EQ(seen.at("calls").at("ptrace"), EPERM);
  EXPECT_EQ(seen.at("paths").at("/").at("write"), EROFS);
  EXPECT_LE(seen.at("rlimits").at("core")[1].get<std::uint64_t>(), 1U);
  EXPECT_EQ(seen.at("cgroup").get<std::string>().find("contain/"), std::string::npos);
  std::set<std::string> open;
  for (const auto& [number, target] : seen.at("fds").items()) open.insert(number);
  EXPECT_EQ(open, (std::set<std::string>{"0", "1", "2"}));
  c.stop(std::chrono::nanoseconds{0});
}

TEST_F(isolation, only_loopback_is_there) {
  const auto names = [](const json& seen) {
    std::istringstream lines(seen.at("net_dev").get<std::string>());
    std::set<std::string> found;
    for (std::string line; std::getline(lines, line);) {
      const auto colon = line.find(':');
      if (colon == std::string::npos) continue;
      found.insert(line.substr(line.find_first_not_of(' '), colon - line.find_first_not_of(' ')));
    }
    return found;
  };
  // Devices that the kernel makes in every network namespace (tunl0, sit0…) have no address and are down.
  EXPECT_TRUE(names(look().seen).contains("lo"));
  EXPECT_FALSE(names(look().seen).contains("eth0"));
}

TEST_F(isolation, sealed_root_is_read_only) {
  container_options options;
  options.security.profile = isolation_profile::sealed;
  const auto r = look(options, {"/", "/etc", "/data", "/run", "/tmp", "/var/tmp"});
  for (const auto* closed : {"/", "/etc", "/data"})
    EXPECT_EQ(r.seen.at("paths").at(closed).at("write"), EROFS) << closed;
  for (const auto* open : {"/run", "/tmp", "/var/tmp"}) EXPECT_EQ(r.seen.at("paths").at(open).at("write"), 0) << open;
}

/// Listens on an abstract socket of the host's network namespace.
class abstract_listener {
 public:
  explicit abstract_listener(const std::string& name) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path + 1, name.data(), std::min(name.size(), sizeof address.sun_path - 2));
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(fd_.get(), 4), 0);
  }

 private:
  sys::unique_fd fd_;
};

TEST_F(isolation, abstract_sockets_of_the_host_are_out_of_reach_in_its_network) {
  if (runtime::probe_host().landlock_abi < 6) GTEST_SKIP() << "needs Landlock ABI 6";
  const auto name = "contain-test-" + std::to_string(::getpid());
  const abstract_listener listener(name);
  container_options options;
  options.network = network_mode::host;
  auto r = look(options, {"@" + name});
  expect_opted_out(r, "network");
  expect_got(r, "landlock");
  EXPECT_EQ(r.seen.at("namespaces").at("net"), own_namespace("net"));
  EXPECT_EQ(r.seen.at("abstract_socket"), EPERM);
  options.security.landlock = false;
  r = look(options, {"@" + name});
  expect_opted_out(r, "landlock");
  EXPECT_EQ(r.seen.at("abstract_socket"), 0);
}

TEST_F(isolation, opt_outs_open_just_what_they_name) {
  container_options options;
  options.security.host_userns = options.security.host_cgroupns = options.security.host_timens = true;
  options.security.unmask = {"/proc/timer_list"};
  const auto r = look(options, {"/proc/kallsyms"});
  for (const auto* kind : {"user", "cgroup", "time"})
    EXPECT_EQ(r.seen.at("namespaces").at(kind), own_namespace(kind)) << kind;
  for (const auto* kind : {"mnt", "pid", "net", "ipc", "uts"})
    EXPECT_NE(r.seen.at("namespaces").at(kind), own_namespace(kind)) << kind;
  for (const auto* row : {"user_namespace", "cgroup_namespace", "time_namespace", "masked_paths"})
    expect_opted_out(r, row);
  for (const auto* row : {"capabilities", "no_new_privileges", "seccomp", "devices"}) expect_got(r, row);
  EXPECT_EQ(r.seen.at("calls").at("mount"), EPERM);
  EXPECT_LE(r.seen.at("paths").at("/proc/kallsyms").at("bytes").get<long long>(), 0);
}

TEST_F(isolation, an_added_capability_opens_its_calls) {
  container_options options;
  options.security.caps_add = {"SYS_PTRACE"};
  const auto r = look(options);
  EXPECT_EQ(r.seen.at("calls").at("ptrace"), 0);
  EXPECT_EQ(r.seen.at("calls").at("mount"), EPERM);
  expect_opted_out(r, "capabilities");
}

TEST_F(isolation, docker_profile_is_as_docker_does_it) {
  container_options options;
  options.security.profile = isolation_profile::docker;
  const auto r = look(options);
  EXPECT_EQ(r.seen.at("namespaces").at("user"), own_namespace("user"));
  EXPECT_EQ(mask(r.seen.at("status"), "CapEff"), runtime::data_of(isolation_profile::docker).caps);
  EXPECT_EQ(r.seen.at("status").at("NoNewPrivs"), "0");
  EXPECT_EQ(r.seen.at("status").at("Seccomp"), "2");
  EXPECT_EQ(r.seen.at("calls").at("ptrace"), 0);
  EXPECT_EQ(r.seen.at("calls").at("unshare_user"), EPERM);
  EXPECT_EQ(r.seen.at("sockets").at("alg"), EPERM);
}

TEST_F(isolation, privileged_keeps_only_namespaces) {
  container_options options;
  options.security.profile = isolation_profile::privileged;
  const auto r = look(options, {"/proc/kallsyms"});
  EXPECT_EQ(r.seen.at("status").at("Seccomp"), "0");
  EXPECT_EQ(mask(r.seen.at("status"), "CapEff"), runtime::probe_host().caps_bounding);
  EXPECT_GT(r.seen.at("paths").at("/proc/kallsyms").at("bytes").get<long long>(), 0);
  EXPECT_NE(r.seen.at("namespaces").at("mnt"), own_namespace("mnt"));
}

TEST_F(isolation, a_seccomp_profile_of_the_users_is_the_filter) {
  const auto path = shop->directory() / "profile.json";
  std::ofstream(path) << R"({"defaultAction": "SCMP_ACT_ALLOW",
                             "syscalls": [{"names": ["chroot"], "action": "SCMP_ACT_ERRNO", "errnoRet": 99}]})";
  container_options options;
  options.security.seccomp = path;
  const auto r = look(options);
  expect_opted_out(r, "seccomp");
  EXPECT_EQ(r.seen.at("calls").at("chroot"), 99);
}

TEST_F(isolation, every_row_is_told_and_strict_refuses_weakened_ones) {
  const auto r = look();
  for (const auto& rule : runtime::isolation_rules()) EXPECT_TRUE(r.rows.contains(std::string(rule.name))) << rule.name;
  std::vector<std::string> weakened;
  for (const auto& [name, row] : r.rows)
    if (row.result == isolation_row::grade::weakened) weakened.push_back(name);
  if (weakened.empty()) return;
  container_options options;
  options.security.strict = true;
  try {
    (void)look(options);
    FAIL() << "started without " << weakened.front();
  } catch (const error& e) {
    EXPECT_EQ(e.code(), errc::isolation_missing) << e.what();
  }
  options.security.on_missing = weakened;
  (void)look(options);
}

}  // namespace
