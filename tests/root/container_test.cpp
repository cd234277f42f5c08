// The life of containers through the public interface, on a real kernel.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <memory>
#include <mutex>
#include <set>
#include <thread>

#include "contain/contain.hpp"
#include "engine/state.hpp"

namespace {

using namespace contain;
using namespace std::chrono_literals;
namespace fs = std::filesystem;
using strings = std::vector<std::string>;

/// A store with a busybox image.
class workshop {
 public:
  workshop() {
    std::string pattern = fs::temp_directory_path() / "contain-container-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
    const auto bin = directory_ / "rootfs" / "bin";
    fs::create_directories(bin);
    fs::create_directories(directory_ / "rootfs" / "etc");
    fs::copy_file(busybox(), bin / "busybox");
    for (const auto* applet : {"sh", "cat", "echo", "sleep", "true", "kill", "seq", "tty", "stty", "head", "id", "ls"})
      fs::create_symlink("busybox", bin / applet);
    engine_ = std::make_unique<engine>(options());
    (void)image::from_directory(*engine_, directory_ / "rootfs", "busybox");
  }
  ~workshop() {
    engine_.reset();
    std::error_code ignored;
    fs::remove_all(directory_, ignored);
  }
  workshop(const workshop&) = delete;
  workshop& operator=(const workshop&) = delete;

  static fs::path busybox() { return fs::exists("/usr/bin/busybox") ? "/usr/bin/busybox" : "/bin/busybox"; }
  [[nodiscard]] engine_options options() const { return {.root = directory_ / "store", .log = {}}; }
  engine& in() { return *engine_; }
  [[nodiscard]] fs::path containers() const { return directory_ / "store" / "containers"; }

 private:
  fs::path directory_;
  std::unique_ptr<engine> engine_;
};

class container_test : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (::geteuid() == 0 && fs::exists(workshop::busybox())) shop = std::make_unique<workshop>();
  }
  static void TearDownTestSuite() { shop.reset(); }
  void SetUp() override {
    if (!shop) GTEST_SKIP() << (::geteuid() == 0 ? "needs Debian's busybox-static" : "needs root");
  }
  void TearDown() override {
    if (!shop) return;
    list_filter all;
    all.all = true;
    EXPECT_TRUE(shop->in().containers(all).empty());
    EXPECT_TRUE(fs::is_empty(shop->containers()));
  }

  static container_options shell(std::string script) {
    container_options o;
    o.image = "busybox";
    o.command = {"sh", "-c", std::move(script)};
    return o;
  }
  static container make(std::string script) { return container::create(shop->in(), shell(std::move(script))); }
  static completed run_shell(std::string script, const run_options& how = {}) {
    return run(shop->in(), shell(std::move(script)), how);
  }
  static exec_options command(strings argv) {
    exec_options o;
    o.command = std::move(argv);
    return o;
  }
  template <class Act>
  static errc code_of(Act act) {
    try {
      act();
    } catch (const error& e) {
      return e.code();
    }
    return errc{};
  }
  static bool readable(int fd, int within_ms) {
    pollfd p{.fd = fd, .events = POLLIN, .revents = 0};
    return ::poll(&p, 1, within_ms) == 1;
  }

  static std::unique_ptr<workshop> shop;
};
std::unique_ptr<workshop> container_test::shop;

TEST_F(container_test, hello_world_says_hello) {
  const auto result = run(shop->in(), container_options{}).check();
  EXPECT_NE(result.out.find("ello"), std::string::npos);
  EXPECT_EQ(result.err, "");
}

TEST_F(container_test, run_keeps_streams_apart_and_reports_the_code) {
  const auto result = run_shell("echo out; echo err >&2; exit 7");
  EXPECT_EQ(result.out, "out\n");
  EXPECT_EQ(result.err, "err\n");
  EXPECT_EQ(result.status.code, 7);
  EXPECT_EQ(result.command, (strings{"sh", "-c", "echo out; echo err >&2; exit 7"}));
  EXPECT_GT(result.duration.count(), 0);
  EXPECT_EQ(code_of([&] { (void)result.check(); }), errc::nonzero_exit);
}

TEST_F(container_test, exit_codes_pass_through) {
  for (const int code : {0, 1, 2, 125, 126, 127, 128, 254, 255}) {
    EXPECT_EQ(run_shell("exit " + std::to_string(code)).status.code, code);
  }
}

TEST_F(container_test, a_signal_is_128_and_its_number) {
  for (const int number : {SIGHUP, SIGTERM, SIGKILL, SIGUSR1, SIGSEGV}) {
    // The first process of a pid namespace takes no deadly signal from inside: another one has to die.
    auto c = make("sleep 100");
    c.start();
    c.kill(number == SIGKILL ? SIGKILL : number);
    if (number != SIGKILL && !readable(c.open_wait_fd(), 200)) c.kill(SIGKILL);
    const auto how = c.wait();
    EXPECT_EQ(how.code, 128 + how.signal);
    EXPECT_NE(how.signal, 0);
  }
  const auto inner = run_shell("sh -c 'kill -USR1 $$'; exit $?");
  EXPECT_EQ(inner.status.code, 128 + SIGUSR1);
}

TEST_F(container_test, input_arrives_whole_and_ends) {
  std::string big;
  for (int i = 0; big.size() < 3'000'000; ++i) big += std::to_string(i) + '\n';
  run_options how;
  how.input = big;
  const auto result = run_shell("cat", how);
  EXPECT_TRUE(result.out == big) << result.out.size();
  EXPECT_EQ(run_shell("cat; echo end").out, "end\n");
}

TEST_F(container_test, a_command_that_does_not_read_its_input_is_no_error) {
  run_options how;
  how.input = std::string(1'000'000, 'x');
  EXPECT_EQ(run_shell("exit 3", how).status.code, 3);
}

TEST_F(container_test, a_timeout_kills_and_leaves_nothing) {
  run_options how;
  how.timeout = 100ms;
  EXPECT_EQ(code_of([&] { (void)run_shell("sleep 100", how); }), errc::timeout);
}

TEST_F(container_test, a_stop_token_interrupts_a_run) {
  std::stop_source source;
  run_options how;
  how.stop = source.get_token();
  const std::jthread later{[&] {
    std::this_thread::sleep_for(100ms);
    source.request_stop();
  }};
  EXPECT_EQ(code_of([&] { (void)run_shell("sleep 100", how); }), errc::interrupted);
}

TEST_F(container_test, states_follow_the_life) {
  auto c = make("sleep 100");
  EXPECT_EQ(c.state(), container_state::created);
  c.start();
  const auto running = c.info();
  EXPECT_EQ(running.state, container_state::running);
  EXPECT_GT(running.pid, 0);
  EXPECT_EQ(::kill(running.pid, 0), 0);
  EXPECT_FALSE(running.exit);
  EXPECT_EQ(code_of([&] { c.start(); }), errc::already_running);
  EXPECT_EQ(code_of([&] { c.remove(); }), errc::already_running);
  EXPECT_EQ(code_of([&] { c.detach(); }), errc::invalid);
  const int fd = c.open_wait_fd();
  ASSERT_GE(fd, 0);
  EXPECT_FALSE(readable(fd, 0));
  EXPECT_EQ(c.stop(0ns).signal, SIGKILL);
  EXPECT_TRUE(readable(fd, 1000));
  ::close(fd);
  const auto ended = c.info();
  EXPECT_EQ(ended.state, container_state::exited);
  EXPECT_EQ(ended.pid, 0);
  ASSERT_TRUE(ended.exit);
  EXPECT_EQ(ended.exit->code, 137);
  EXPECT_GT(ended.exit->finished, ended.started);
}

TEST_F(container_test, stop_asks_first) {
  auto c = make("trap 'echo bye; exit 5' TERM; echo ready; while :; do sleep 0.02; done");
  auto link = c.start_attached();
  EXPECT_EQ(link.read().data, "ready\n");
  const auto how = c.stop(5s);
  EXPECT_EQ(how.code, 5);
  EXPECT_EQ(how.signal, 0);
  EXPECT_EQ(c.log_text(stream::out), "ready\nbye\n");
  EXPECT_EQ(c.stop().code, 5);  // again: nothing to do
}

TEST_F(container_test, stop_uses_the_stop_signal_and_then_kills) {
  auto o = shell("trap 'echo usr1' USR1; echo ready; while :; do sleep 0.02; done");
  o.stop_signal = "SIGUSR1";
  auto c = container::create(shop->in(), o);
  auto link = c.start_attached();
  EXPECT_EQ(link.read().data, "ready\n");
  EXPECT_EQ(c.stop(300ms).signal, SIGKILL);
  EXPECT_EQ(c.log_text(stream::out), "ready\nusr1\n");
}

TEST_F(container_test, a_stopped_container_keeps_its_files) {
  auto c = make("echo x >> /count; cat /count");
  c.start();
  (void)c.wait();
  c.start();
  (void)c.wait();
  c.restart();
  (void)c.wait();
  EXPECT_EQ(c.log_text(stream::out), "x\nx\nx\nx\nx\nx\n");
}

TEST_F(container_test, restart_starts_a_running_one_anew) {
  auto c = make("echo up; sleep 100");
  c.start();
  const int first = c.info().pid;
  c.restart(0ns);
  EXPECT_NE(c.info().pid, first);
  EXPECT_EQ(c.state(), container_state::running);
}

TEST_F(container_test, the_end_of_the_object_ends_a_running_container) {
  int pid = 0;
  {
    auto c = make("sleep 100");
    c.start();
    pid = c.info().pid;
  }
  EXPECT_EQ(::kill(pid, 0), -1);
}

TEST_F(container_test, wait_times_out_and_can_be_interrupted) {
  auto c = make("sleep 100");
  c.start();
  EXPECT_EQ(code_of([&] { (void)c.wait({}, 20ms); }), errc::timeout);
  std::stop_source source;
  source.request_stop();
  EXPECT_EQ(code_of([&] { (void)c.wait(source.get_token()); }), errc::interrupted);
  EXPECT_EQ(c.state(), container_state::running);
}

TEST_F(container_test, an_exit_is_seen_by_every_handle_and_told_once) {
  auto c = make("exit 4");
  const auto other = container::open(shop->in(), c.id());
  c.start();
  std::atomic<int> sum = 0;
  std::vector<std::jthread> waiters;
  for (int i = 0; i < 4; ++i) waiters.emplace_back([&] { sum += other.wait().code; });
  sum += c.wait().code;
  waiters.clear();
  EXPECT_EQ(sum, 20);
  int deaths = 0;
  for (const auto& e : shop->in().internals().records.read().events_after(0, 100'000)) {
    if (e.actor == c.id() && e.action == "die") {
      ++deaths;
      EXPECT_EQ(e.attributes.at("exitCode"), "4");
    }
  }
  EXPECT_EQ(deaths, 1);
}

TEST_F(container_test, what_cannot_be_executed_is_127_or_126_and_removes_on_demand) {
  auto o = shell("");
  o.command = {"/no/such/command"};
  auto absent = container::create(shop->in(), o);
  EXPECT_EQ(code_of([&] { absent.start(); }), errc::command_not_found);
  EXPECT_EQ(absent.info().exit->code, 127);
  EXPECT_NE(absent.info().error, "");
  o.command = {"/etc"};
  EXPECT_EQ(code_of([&] { (void)run(shop->in(), o); }), errc::command_not_executable);
  o.command = {"sh"};
  o.user = "nobody-here";
  EXPECT_EQ(code_of([&] { (void)run(shop->in(), o); }), errc::unknown_user);
  o.user.clear();
  o.workdir = "/bin/busybox";
  EXPECT_EQ(code_of([&] { (void)run(shop->in(), o); }), errc::bad_workdir);
}

TEST_F(container_test, auto_remove_takes_it_away_at_its_end) {
  auto o = shell("exit 9");
  o.auto_remove = true;
  auto c = container::create(shop->in(), o);
  auto link = c.start_attached();
  while (!link.read().data.empty()) {
  }
  EXPECT_EQ(c.wait().code, 9);
  EXPECT_EQ(code_of([&] { (void)c.info(); }), errc::container_not_found);
  EXPECT_EQ(c.wait().code, 9);
}

TEST_F(container_test, logs_keep_order_streams_and_lines) {
  auto c = make("echo 1; sleep 0.02; echo 2 >&2; sleep 0.02; echo 3; sleep 0.02; echo 4");
  c.start();
  (void)c.wait();
  std::string text;
  std::vector<time_point> times;
  c.logs({}, [&](const log_entry& e) {
    text += (e.from == stream::out ? "o" : "e") + e.data;
    times.push_back(e.when);
    return true;
  });
  EXPECT_EQ(text, "o1\ne2\no3\no4\n");
  EXPECT_TRUE(std::is_sorted(times.begin(), times.end()));
  log_options two;
  two.tail = 2;
  text.clear();
  c.logs(two, [&](const log_entry& e) { return text += e.data, true; });
  EXPECT_EQ(text, "3\n4\n");
  log_options later;
  later.since = times.at(2);
  text.clear();
  c.logs(later, [&](const log_entry& e) { return text += e.data, true; });
  EXPECT_EQ(text, "3\n4\n");
}

TEST_F(container_test, following_logs_loses_and_repeats_nothing) {
  auto c = make("i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done");
  c.start();
  std::string text;
  log_options follow;
  follow.follow = true;
  c.logs(follow, [&](const log_entry& e) { return text += e.data, true; });
  std::string expected;
  for (int i = 0; i < 2000; ++i) expected += "line " + std::to_string(i) + '\n';
  EXPECT_TRUE(text == expected) << text.size();
  EXPECT_EQ(c.wait().code, 0);
}

TEST_F(container_test, following_logs_stops_on_demand) {
  auto c = make("echo one; sleep 100");
  c.start();
  log_options follow;
  follow.follow = true;
  c.logs(follow, [](const log_entry&) { return false; });
  std::stop_source source;
  follow.stop = source.get_token();
  const auto interrupted = code_of([&] {
    c.logs(follow, [&](const log_entry&) {
      source.request_stop();
      return true;
    });
  });
  EXPECT_EQ(interrupted, errc::interrupted);
}

TEST_F(container_test, an_attachment_misses_nothing_and_feeds_stdin) {
  auto o = shell("echo first; while read line; do echo got $line; done; echo end");
  o.open_stdin = true;
  auto c = container::create(shop->in(), o);
  auto link = c.start_attached();
  EXPECT_EQ(link.read().data, "first\n");
  link.write("a\n");
  EXPECT_EQ(link.read().data, "got a\n");
  auto second = c.attach();
  link.write("b\n");
  EXPECT_EQ(link.read().data, "got b\n");
  EXPECT_EQ(second.read().data, "got b\n");
  link.close_stdin();
  EXPECT_EQ(link.read().data, "end\n");
  EXPECT_TRUE(link.read().data.empty());
  EXPECT_EQ(c.wait().code, 0);
}

TEST_F(container_test, a_terminal_has_the_size_that_was_asked_for) {
  auto o = shell("stty size; read x; stty size");
  o.tty = o.open_stdin = true;
  o.size = {.rows = 33, .columns = 99};
  auto c = container::create(shop->in(), o);
  auto link = c.start_attached();
  EXPECT_EQ(link.read().data, "33 99\r\n");
  link.resize({.rows = 10, .columns = 20});
  link.write("\n");
  std::string rest;
  for (auto piece = link.read(); !piece.data.empty(); piece = link.read()) rest += piece.data;
  EXPECT_NE(rest.find("10 20\r\n"), std::string::npos) << rest;
}

TEST_F(container_test, exec_runs_beside_the_first_process) {
  auto o = shell("echo hi > /file; echo ready; sleep 100");
  o.env = {{"FROM", "container"}};
  auto c = container::create(shop->in(), o);
  EXPECT_EQ(c.start_attached().read().data, "ready\n");
  auto what = command({"sh", "-c", "cat /file; echo $FROM $MORE; echo err >&2; exit 3"});
  what.env = {{"MORE", "exec"}};
  const auto result = c.exec_run(what);
  EXPECT_EQ(result.out, "hi\ncontainer exec\n");
  EXPECT_EQ(result.err, "err\n");
  EXPECT_EQ(result.status.code, 3);
  EXPECT_EQ(c.exec_run(command({"cat"}), "in put").out, "in put");
  EXPECT_EQ(code_of([&] { (void)c.exec(command({"no-such"})); }), errc::command_not_found);
  EXPECT_EQ(code_of([&] { (void)c.exec_run(command({"sleep", "100"}), {}, {}, 50ms); }), errc::timeout);
  EXPECT_EQ(c.state(), container_state::running);
}

TEST_F(container_test, exec_moves_megabytes_both_ways) {
  auto c = make("sleep 100");
  c.start();
  const std::string big(5'000'000, 'y');
  const auto result = c.exec_run(command({"cat"}), big);
  EXPECT_TRUE(result.out == big) << result.out.size();
}

TEST_F(container_test, a_process_object_is_like_popen) {
  auto c = make("sleep 100");
  c.start();
  auto what = command({"cat"});
  what.open_stdin = true;
  auto p = c.exec(what);
  EXPECT_GT(p.pid(), 0);
  EXPECT_FALSE(p.poll());
  p.write("hello");
  EXPECT_EQ(p.read().data, "hello");
  EXPECT_EQ(code_of([&] { (void)p.read({}, 20ms); }), errc::timeout);
  p.close_stdin();
  EXPECT_TRUE(p.read().data.empty());
  EXPECT_EQ(p.wait().code, 0);
  EXPECT_EQ(p.poll()->code, 0);
  EXPECT_EQ(code_of([&] { p.signal(SIGTERM); }), errc::not_running);

  auto sleeper = c.exec(command({"sleep", "100"}));
  EXPECT_FALSE(readable(sleeper.wait_fd(), 0));
  sleeper.signal(SIGTERM);
  EXPECT_EQ(sleeper.wait().signal, SIGTERM);
  EXPECT_EQ(code_of([&] { p.write("x"); }), errc::invalid);
}

TEST_F(container_test, the_end_of_a_process_object_kills_it) {
  auto c = make("sleep 100");
  c.start();
  int pid = 0;
  { pid = c.exec(command({"sleep", "100"})).pid(); }
  for (int i = 0; i < 100 && ::kill(pid, 0) == 0; ++i) std::this_thread::sleep_for(10ms);
  EXPECT_EQ(::kill(pid, 0), -1);
}

TEST_F(container_test, exec_on_a_terminal) {
  auto c = make("sleep 100");
  c.start();
  auto what = command({"sh", "-c", "tty; stty size"});
  what.tty = true;
  what.size = {.rows = 5, .columns = 6};
  auto p = c.exec(what);
  std::string text;
  for (auto piece = p.read(); !piece.data.empty(); piece = p.read()) text += piece.data;
  EXPECT_NE(text.find("/dev/pts/"), std::string::npos) << text;
  EXPECT_NE(text.find("5 6"), std::string::npos) << text;
  EXPECT_EQ(p.wait().code, 0);
}

TEST_F(container_test, a_detached_container_outlives_its_engine) {
  const auto other_engine = [] { return std::make_unique<engine>(shop->options()); };
  auto o = shell("trap 'exit 6' TERM; echo up; while :; do sleep 0.02; done");
  o.life = lifetime::detached;
  std::string id;
  {
    const auto first = other_engine();
    auto c = container::create(*first, o);
    c.start();
    id = c.id();
  }
  {
    const auto second = other_engine();
    auto c = container::open(*second, id);
    EXPECT_EQ(c.state(), container_state::running);
    EXPECT_EQ(c.exec_run(command({"echo", "x"})).out, "x\n");
    log_options one;
    one.follow = true;
    c.logs(one, [](const log_entry& e) {
      EXPECT_EQ(e.data, "up\n");
      return false;
    });
    EXPECT_EQ(c.stop(5s).code, 6);
    c.start();
  }
  auto c = container::open(shop->in(), id);
  EXPECT_EQ(c.state(), container_state::running);
  c.remove(true);
}

TEST_F(container_test, a_detached_container_that_removes_itself_leaves_nothing) {
  auto o = shell("true");
  o.life = lifetime::detached;
  o.auto_remove = true;
  {
    engine other{shop->options()};
    auto c = container::create(other, o);
    c.start();
    EXPECT_EQ(c.wait().code, 0);
  }
  // One that nobody waits for, either.
  {
    engine other{shop->options()};
    o.command = {"sleep", "0.1"};
    auto c = container::create(other, o);
    c.start();
  }
  std::this_thread::sleep_for(400ms);
}

TEST_F(container_test, sixteen_threads_run_containers_of_one_engine) {
  std::atomic<int> right = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&, i] {
      const auto result = run_shell("echo " + std::to_string(i));
      if (result.out == std::to_string(i) + '\n') ++right;
    });
  }
  threads.clear();
  EXPECT_EQ(right, 16);
}

TEST_F(container_test, starting_one_container_twice_at_once_starts_it_once) {
  auto c = make("sleep 100");
  std::atomic<int> started = 0, refused = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      auto handle = container::open(shop->in(), c.id());
      (code_of([&] { handle.start(); }) == errc{} ? started : refused)++;
    });
  }
  threads.clear();
  EXPECT_EQ(started, 1);
  EXPECT_EQ(refused, 3);
}

TEST_F(container_test, a_lost_supervisor_is_noticed_and_replaced) {
  engine own{shop->options()};
  auto c = container::create(own, shell("sleep 100"));
  c.start();
  ASSERT_EQ(::kill(own.internals().supervisor()->pid(), SIGKILL), 0);
  std::this_thread::sleep_for(100ms);
  auto next = container::create(own, shell("echo again"));
  // The first request finds out, the second has a new one.
  if (code_of([&] { next.start(); }) == errc::supervisor_lost) next.start();
  EXPECT_EQ(next.wait().code, 0);
  EXPECT_EQ(next.log_text(stream::out), "again\n");
  c.remove(true);
}

}  // namespace
