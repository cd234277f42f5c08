#include "contain/runtime/spec_builder.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "contain/core/error.hpp"
#include "contain/runtime/profile.hpp"

namespace {

using namespace contain;
using namespace contain::runtime;
using strings = std::vector<std::string>;

constexpr std::string_view id = "3f1c0123456789abcdef0123456789abcdef0123456789abcdef0123456789ab";
constexpr std::uint32_t first_id = 1'000'000;

/// A root user's host that has everything.
host_facts able_host() {
  host_facts host;
  host.memory_bytes = 10ULL << 30U;
  host.cpus = 4;
  for (auto& limit : host.rlimits) limit = {RLIM_INFINITY, RLIM_INFINITY};
  host.landlock_abi = 7;
  host.cgroups.mode = cgroup_mode::v2;
  return host;
}

oci::execution_config image() {
  oci::execution_config c;
  c.cmd = strings{"sh"};
  return c;
}

built_spec build(const container_options& options, const oci::execution_config& from = image(),
                 const host_facts& host = able_host()) {
  return build_spec(id, options, from, host, first_id);
}

errc code_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const error& e) {
    return e.code();
  }
  ADD_FAILURE() << "nothing was thrown";
  return errc::kernel;
}

const isolation_row& row(const built_spec& built, std::string_view name) {
  const auto at =
      std::find_if(built.isolation.begin(), built.isolation.end(), [&](const auto& r) { return r.name == name; });
  if (at == built.isolation.end()) throw std::out_of_range(std::string(name));
  return *at;
}

bool has(const strings& list, std::string_view item) { return std::find(list.begin(), list.end(), item) != list.end(); }

const oci::spec_mount* mount_at(const oci::runtime_spec& spec, std::string_view destination) {
  const auto at =
      std::find_if(spec.mounts.begin(), spec.mounts.end(), [&](const auto& m) { return m.destination == destination; });
  return at == spec.mounts.end() ? nullptr : &*at;
}

TEST(compose_command, follows_dockers_table_of_entrypoint_and_cmd) {
  const auto combine = [](std::optional<strings> image_entrypoint, std::optional<strings> image_cmd,
                          std::optional<strings> entrypoint, strings command) {
    oci::execution_config from;
    from.entrypoint = std::move(image_entrypoint);
    from.cmd = std::move(image_cmd);
    container_options options;
    options.entrypoint = std::move(entrypoint);
    options.command = std::move(command);
    return compose_command(options, from);
  };
  const std::optional<strings> none;
  EXPECT_EQ(combine(none, strings{"a"}, none, {}), (strings{"a"}));
  EXPECT_EQ(combine(strings{"e"}, strings{"a"}, none, {}), (strings{"e", "a"}));
  EXPECT_EQ(combine(strings{"e"}, strings{"a"}, none, {"b", "c"}), (strings{"e", "b", "c"}));
  EXPECT_EQ(combine(strings{}, strings{"a"}, none, {}), (strings{"a"}));
  EXPECT_EQ(combine(strings{"e"}, strings{"a"}, strings{"x"}, {}), (strings{"x"}));
  EXPECT_EQ(combine(strings{"e"}, strings{"a"}, strings{"x"}, {"b"}), (strings{"x", "b"}));
  EXPECT_EQ(combine(strings{"e"}, strings{"a"}, strings{}, {"b"}), (strings{"b"}));
  EXPECT_EQ(combine(strings{"e"}, strings{"a"}, strings{""}, {"b"}), (strings{"b"}));
}

TEST(compose_command, needs_something_to_run) {
  container_options options;
  EXPECT_EQ(code_of([&] { (void)compose_command(options, {}); }), errc::invalid);
  options.entrypoint = strings{};
  EXPECT_EQ(code_of([&] { (void)compose_command(options, image()); }), errc::invalid);
  options.command = {std::string("a\0b", 3)};
  EXPECT_EQ(code_of([&] { (void)compose_command(options, image()); }), errc::invalid);
}

TEST(build_spec, merges_the_environment_in_place) {
  auto from = image();
  from.env = {"PATH=/bin", "A=image", "B=image", "nonsense", "=x"};
  container_options options;
  options.env = {{"A", "user"}, {"C", ""}};
  options.tty = true;
  EXPECT_EQ(build(options, from).spec.process.env,
            (strings{"PATH=/bin", "HOSTNAME=3f1c01234567", "TERM=xterm", "A=user", "B=image", "C="}));
}

TEST(build_spec, refuses_variables_the_kernel_would_cut) {
  container_options options;
  options.env = {{"A=B", "x"}};
  EXPECT_EQ(code_of([&] { build(options); }), errc::invalid);
  options.env = {{"", "x"}};
  EXPECT_EQ(code_of([&] { build(options); }), errc::invalid);
  options.env = {{"A", std::string("x\0y", 3)}};
  EXPECT_EQ(code_of([&] { build(options); }), errc::invalid);
}

TEST(build_spec, takes_digits_as_ids_within_31_bits) {
  container_options options;
  for (const auto* good : {"0", "1000", "1000:1000", "2147483647", "01", "www-data", "app:staff", "1000:staff"}) {
    options.user = good;
    EXPECT_EQ(build(options).spec.process.user.name, good);
  }
  for (const auto* bad : {"-1", "2147483648", "4294967296", "1 ", " 1", "1:", ":1", "a:b:c", "root\n", "1:-1"}) {
    options.user = bad;
    EXPECT_EQ(code_of([&] { build(options); }), errc::invalid) << bad;
  }
}

TEST(build_spec, prefers_options_to_the_image) {
  auto from = image();
  from.user = "nobody";
  from.working_dir = "/srv//www/../app/";
  from.stop_signal = "SIGQUIT";
  auto built = build({}, from);
  EXPECT_EQ(built.spec.process.user.name, "nobody");
  EXPECT_EQ(built.spec.process.cwd, "/srv/app");
  EXPECT_EQ(built.stop_signal, SIGQUIT);
  container_options options;
  options.user = "7";
  options.workdir = "/";
  options.stop_signal = "RTMIN+3";
  built = build(options, from);
  EXPECT_EQ(built.spec.process.user.name, "7");
  EXPECT_EQ(built.spec.process.cwd, "/");
  EXPECT_EQ(built.stop_signal, 37);
  options.workdir = "relative";
  EXPECT_EQ(code_of([&] { build(options, from); }), errc::invalid);
  options.workdir.clear();
  options.stop_signal = "SIGFOO";
  EXPECT_EQ(code_of([&] { build(options, from); }), errc::invalid);
}

TEST(build_spec, default_profile_gets_every_row_of_an_able_host) {
  auto host = able_host();
  const auto built = build({}, image(), host);
  for (const auto& r : built.isolation) {
    // No labels are given to containers yet, and the row says so.
    if (r.name == "lsm") continue;
    EXPECT_EQ(r.result, isolation_row::grade::got) << r.name << ": " << r.detail;
  }
  EXPECT_EQ(built.isolation.size(), isolation_rules().size());
  const auto& spec = built.spec;
  EXPECT_EQ(spec.uid_mappings.front().host_id, first_id);
  EXPECT_EQ(spec.uid_mappings.front().size, 65536U);
  EXPECT_EQ(spec.process.caps_bounding, data_of(isolation_profile::standard).caps);
  EXPECT_EQ(spec.process.caps_ambient, 0U);
  EXPECT_TRUE(spec.process.no_new_privileges);
  EXPECT_FALSE(spec.seccomp_bpf.empty());
  EXPECT_TRUE(spec.landlock.enabled && spec.landlock.scope);
  EXPECT_TRUE(has(spec.masked_paths, "/proc/kcore"));
  EXPECT_TRUE(has(spec.readonly_paths, "/proc/sys"));
  EXPECT_EQ(spec.resources.pids_limit, 2048);
  EXPECT_EQ(spec.resources.memory_limit, (10ULL << 30U) / 5 * 4);
  EXPECT_EQ(spec.process.oom_score_adj, 300);
  EXPECT_EQ(spec.cgroups_path, "contain/" + std::string(id));
}

TEST(build_spec, profiles_are_told_apart_by_their_rows) {
  container_options options;
  options.security.profile = isolation_profile::docker;
  const auto docker = build(options).spec;
  EXPECT_FALSE(docker.namespaces.user);
  EXPECT_FALSE(docker.process.no_new_privileges);
  EXPECT_EQ(docker.process.caps_bounding & sys::cap_bit(CAP_NET_RAW), sys::cap_bit(CAP_NET_RAW));
  EXPECT_FALSE(docker.resources.memory_limit || docker.resources.pids_limit || docker.process.oom_score_adj);
  options.security.profile = isolation_profile::privileged;
  const auto privileged = build(options).spec;
  EXPECT_EQ(privileged.process.caps_effective, sys::all_caps);
  EXPECT_TRUE(privileged.seccomp_bpf.empty() && privileged.masked_paths.empty() && privileged.devices_all);
  EXPECT_FALSE(mount_at(privileged, "/sys")->read_only);
  options.security.profile = isolation_profile::sealed;
  const auto sealed = build(options).spec;
  EXPECT_TRUE(sealed.root_readonly);
  for (const auto* path : {"/run", "/tmp", "/var/tmp"}) EXPECT_NE(mount_at(sealed, path), nullptr) << path;
}

TEST(build_spec, shows_every_opt_out) {
  container_options options;
  options.security.host_userns = options.security.host_cgroupns = options.security.host_timens = true;
  options.security.landlock = options.security.no_new_privileges = false;
  options.security.seccomp = "unconfined";
  options.security.caps_add = {"net_raw"};
  options.security.unmask = {"/proc/kcore"};
  options.limits.memory_bytes = 0;
  options.limits.rlimits = {{"core", {5, 5}}};
  options.network = network_mode::host;
  const auto built = build(options);
  for (const auto* name :
       {"user_namespace", "cgroup_namespace", "time_namespace", "landlock", "no_new_privileges", "seccomp",
        "native_abi", "capabilities", "masked_paths", "limits", "core_dumps", "network"}) {
    EXPECT_EQ(row(built, name).result, isolation_row::grade::opted_out) << name;
  }
  EXPECT_FALSE(has(built.spec.masked_paths, "/proc/kcore"));
}

TEST(build_spec, does_not_start_without_a_containing_row) {
  auto host = able_host();
  host.seccomp = false;
  EXPECT_EQ(code_of([&] { build({}, image(), host); }), errc::isolation_missing);
  container_options options;
  options.security.on_missing = {"seccomp", "native_abi"};
  EXPECT_EQ(row(build(options, image(), host), "seccomp").result, isolation_row::grade::weakened);
  host = able_host();
  host.user_namespaces = false;
  EXPECT_EQ(code_of([&] { build({}, image(), host); }), errc::isolation_missing);
  options.security.on_missing = {"no_such_row"};
  EXPECT_EQ(code_of([&] { build(options); }), errc::invalid);
}

TEST(build_spec, weakens_a_hardening_row_unless_strict) {
  auto host = able_host();
  host.landlock_abi = 0;
  host.time_namespaces = false;
  host.cgroups.mode = cgroup_mode::none;
  const auto built = build({}, image(), host);
  for (const auto* name : {"landlock", "time_namespace", "limits"})
    EXPECT_EQ(row(built, name).result, isolation_row::grade::weakened) << name;
  EXPECT_FALSE(built.spec.namespaces.time || built.spec.landlock.enabled);
  container_options options;
  options.security.strict = true;
  EXPECT_EQ(code_of([&] { build(options, image(), host); }), errc::isolation_missing);
}

TEST(weaken, marks_what_only_a_launch_could_find_out) {
  auto rows = build({}).isolation;
  weaken(rows, "limits", "memory.max: no such file", {});
  const auto at = std::find_if(rows.begin(), rows.end(), [](const auto& r) { return r.name == "limits"; });
  EXPECT_EQ(at->result, isolation_row::grade::weakened);
  weaken(rows, "limits", "pids.max: no such file", {});
  EXPECT_EQ(at->detail, "memory.max: no such file; pids.max: no such file");
  security_options strict;
  strict.strict = true;
  EXPECT_EQ(code_of([&] { weaken(rows, "limits", "x", strict); }), errc::isolation_missing);
}

TEST(build_spec, adds_and_drops_capabilities_as_docker_does) {
  const auto caps = [](strings add, strings drop, bool host_userns = false) {
    container_options options;
    options.security.caps_add = std::move(add);
    options.security.caps_drop = std::move(drop);
    options.security.host_userns = host_userns;
    auto host = able_host();
    host.caps_bounding &= ~sys::cap_bit(CAP_SYS_RESOURCE);
    return build(options, image(), host).spec.process.caps_bounding;
  };
  EXPECT_EQ(caps({}, {"ALL"}), 0U);
  EXPECT_EQ(caps({"KILL"}, {"ALL"}), sys::cap_bit(CAP_KILL));
  EXPECT_EQ(caps({"ALL"}, {"CAP_CHOWN"}), sys::all_caps & ~sys::cap_bit(CAP_CHOWN));
  EXPECT_EQ(caps({"ALL"}, {}, true), sys::all_caps & ~sys::cap_bit(CAP_SYS_RESOURCE));
  EXPECT_EQ(code_of([&] { caps({"SYS_RESOURCE"}, {}, true); }), errc::denied);
  EXPECT_EQ(code_of([&] { caps({"FLYING"}, {}); }), errc::invalid);
}

TEST(build_spec, checks_limits_before_the_kernel_does) {
  const auto with = [](auto change) {
    container_options options;
    change(options.limits);
    return [options] { build(options); };
  };
  EXPECT_EQ(code_of(with([](limits& l) { l.memory_bytes = 1 << 20; })), errc::invalid);
  EXPECT_EQ(code_of(with([](limits& l) { l.cpus = -1; })), errc::invalid);
  EXPECT_EQ(code_of(with([](limits& l) { l.cpus = 64; })), errc::invalid);
  EXPECT_EQ(code_of(with([](limits& l) { l.cpus = 0.001; })), errc::invalid);
  EXPECT_EQ(code_of(with([](limits& l) { l.cpu_shares = 1; })), errc::invalid);
  EXPECT_EQ(code_of(with([](limits& l) { l.rlimits = {{"files", {1, 1}}}; })), errc::invalid);
  EXPECT_EQ(code_of(with([](limits& l) { l.rlimits = {{"nofile", {2, 1}}}; })), errc::invalid);
  container_options options;
  options.limits.cpus = 1.5;
  EXPECT_EQ(build(options).spec.resources.cpu_quota, 150'000U);
}

TEST(build_spec, clips_rlimits_to_what_this_process_may_give) {
  auto host = able_host();
  host.caps_effective &= ~sys::cap_bit(CAP_SYS_RESOURCE);
  host.rlimits[RLIMIT_NOFILE] = {512, 4096};
  host.rlimits[RLIMIT_CORE] = {0, 0};
  const auto limit = [](const built_spec& built, int resource) {
    const auto& all = built.spec.process.rlimits;
    return *std::find_if(all.begin(), all.end(), [&](const auto& r) { return r.resource == resource; });
  };
  auto built = build({}, image(), host);
  EXPECT_EQ(limit(built, RLIMIT_NOFILE).soft, 1024U);
  EXPECT_EQ(limit(built, RLIMIT_NOFILE).hard, 4096U);
  EXPECT_EQ(limit(built, RLIMIT_CORE).hard, 0U);
  EXPECT_EQ(row(built, "core_dumps").result, isolation_row::grade::got);
  host.cores_are_piped = true;
  EXPECT_EQ(row(build({}, image(), host), "core_dumps").result, isolation_row::grade::weakened);
  container_options options;
  options.limits.rlimits = {{"nofile", {8192, 8192}}};
  EXPECT_EQ(code_of([&] { build(options, image(), host); }), errc::limit_refused);
}

TEST(build_spec, mounts_parents_before_children_and_nothing_twice) {
  container_options options;
  options.mounts = {{.source = "/srv/b", .destination = "/data/b/"}, {.source = "/srv", .destination = "/data"}};
  const auto spec = build(options).spec;
  ASSERT_GE(spec.mounts.size(), 2U);
  EXPECT_EQ(spec.mounts.end()[-2].destination, "/data");
  EXPECT_EQ(spec.mounts.end()[-1].destination, "/data/b");
  options.mounts.push_back({.source = "/x", .destination = "/data/../data"});
  EXPECT_EQ(code_of([&] { build(options); }), errc::invalid);
  for (const auto* bad : {"/", "/proc", "/proc/sys", "data", ""}) {
    options.mounts = {{.source = "/srv", .destination = bad}};
    EXPECT_EQ(code_of([&] { build(options); }), errc::invalid) << bad;
  }
}

TEST(build_spec, lets_the_user_mount_over_what_it_would_make) {
  container_options options;
  options.security.profile = isolation_profile::sealed;
  options.mounts = {{.source = "/srv/hosts", .destination = "/etc/hosts"},
                    {.type = mount_option::kind::tmpfs, .source = "", .destination = "/tmp", .size_bytes = 4096}};
  const auto spec = build(options).spec;
  EXPECT_EQ(spec.generated_files.count("/etc/hosts"), 0U);
  EXPECT_EQ(spec.generated_files.count("/etc/resolv.conf"), 1U);
  EXPECT_EQ(mount_at(spec, "/tmp")->size_bytes, 4096U);
}

TEST(build_spec, without_root_takes_the_subordinate_range) {
  auto host = able_host();
  host.uid = host.gid = 1000;
  EXPECT_EQ(code_of([&] { build({}, image(), host); }), errc::no_subids);
  host.subuids = host.subgids = sys::id_range{100'000, 65'536};
  const auto built = build({}, image(), host);
  ASSERT_EQ(built.spec.uid_mappings.size(), 2U);
  EXPECT_EQ(built.spec.uid_mappings[0].host_id, 1000U);
  EXPECT_EQ(built.spec.uid_mappings[1].host_id, 100'000U);
  EXPECT_EQ(built.spec.uid_mappings[1].size, 65'535U);
}

TEST(build_spec, checks_the_host_name) {
  container_options options;
  options.hostname = "web-1.example";
  const auto spec = build(options).spec;
  EXPECT_EQ(spec.hostname, "web-1.example");
  EXPECT_NE(spec.generated_files.at("/etc/hosts").find("web-1.example"), std::string::npos);
  for (const auto* bad : {"a b", "-x", "a\nb", "a/b"}) {
    options.hostname = bad;
    EXPECT_EQ(code_of([&] { build(options); }), errc::invalid) << bad;
  }
  options.hostname = std::string(65, 'a');
  EXPECT_EQ(code_of([&] { build(options); }), errc::invalid);
}

TEST(build_exec, inherits_from_the_container) {
  container_options options;
  options.env = {{"A", "container"}};
  options.workdir = "/srv";
  options.user = "7";
  const auto spec = build(options).spec;
  exec_options more;
  more.command = {"id"};
  more.env = {{"A", "exec"}};
  more.tty = true;
  auto process = build_exec(spec, more, able_host());
  EXPECT_EQ(process.args, (strings{"id"}));
  EXPECT_TRUE(has(process.env, "A=exec") && has(process.env, "TERM=xterm"));
  EXPECT_EQ(process.cwd, "/srv");
  EXPECT_EQ(process.user.name, "7");
  EXPECT_EQ(process.caps_bounding, spec.process.caps_bounding);
  more.user = "0:0";
  more.privileged = true;
  process = build_exec(spec, more, able_host());
  EXPECT_EQ(process.user.name, "0:0");
  EXPECT_EQ(process.caps_effective, sys::all_caps);
  more.command.clear();
  EXPECT_EQ(code_of([&] { (void)build_exec(spec, more, able_host()); }), errc::invalid);
}

}  // namespace
