// docker's seccomp JSON: runtime-spec's linux.seccomp, with archMap, includes and excludes.
#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "contain/core/error.hpp"
#include "contain/core/text.hpp"
#include "contain/runtime/seccomp_profile.hpp"
#include "runtime/seccomp_compiler.hpp"
#include "runtime/seccomp_library.hpp"

namespace contain::runtime {
namespace {

using nlohmann::json;

constexpr bool intel = native_machine == seccomp_machine::x86_64;
constexpr std::uint32_t native_arch = intel ? std::uint32_t{SCMP_ARCH_X86_64} : std::uint32_t{SCMP_ARCH_AARCH64};
constexpr std::string_view native_name = intel ? "SCMP_ARCH_X86_64" : "SCMP_ARCH_AARCH64";
/// As includes and excludes call it.
constexpr std::string_view native_go_name = intel ? "amd64" : "arm64";

[[noreturn]] void refuse(const std::string& where, const std::string& why) {
  throw error(errc::invalid, "read seccomp profile", where, why);
}

std::string text_at(const json& object, const char* member, const std::string& where) {
  const auto at = object.find(member);
  if (at == object.end() || at->is_null()) return {};
  if (!at->is_string()) refuse(where + '/' + member, "not a string");
  return at->get<std::string>();
}

std::vector<std::string> texts_at(const json& object, const char* member, const std::string& where) {
  const auto at = object.find(member);
  if (at == object.end() || at->is_null()) return {};
  if (!at->is_array()) refuse(where + '/' + member, "not an array");
  std::vector<std::string> texts;
  for (const auto& item : *at) {
    if (!item.is_string()) refuse(where + '/' + member, "has an element that is not a string");
    texts.push_back(item.get<std::string>());
  }
  return texts;
}

std::uint64_t number_at(const json& object, const char* member, std::uint64_t absent, const std::string& where) {
  const auto at = object.find(member);
  if (at == object.end() || at->is_null()) return absent;
  if (!at->is_number_unsigned()) refuse(where + '/' + member, "not a whole number from 0 on");
  return at->get<std::uint64_t>();
}

std::uint32_t action_at(const json& object, const char* member, const char* errno_member, const std::string& where) {
  const auto name = text_at(object, member, where);
  const auto value = static_cast<std::uint32_t>(number_at(object, errno_member, EPERM, where) & 0xffffU);
  if (name == "SCMP_ACT_ALLOW") return SCMP_ACT_ALLOW;
  if (name == "SCMP_ACT_ERRNO") return SCMP_ACT_ERRNO(value);
  if (name == "SCMP_ACT_KILL" || name == "SCMP_ACT_KILL_THREAD") return SCMP_ACT_KILL_THREAD;
  if (name == "SCMP_ACT_KILL_PROCESS") return SCMP_ACT_KILL_PROCESS;
  if (name == "SCMP_ACT_TRAP") return SCMP_ACT_TRAP;
  if (name == "SCMP_ACT_TRACE") return SCMP_ACT_TRACE(value);
  if (name == "SCMP_ACT_LOG") return SCMP_ACT_LOG;
  refuse(where + '/' + member, text::cat('"', name, "\" is no action that a container without a notifier can have"));
}

scmp_compare comparison_at(const json& object, const std::string& where) {
  const auto name = text_at(object, "op", where);
  constexpr std::array<std::pair<std::string_view, scmp_compare>, 7> all = {
      {{"SCMP_CMP_NE", SCMP_CMP_NE},
       {"SCMP_CMP_LT", SCMP_CMP_LT},
       {"SCMP_CMP_LE", SCMP_CMP_LE},
       {"SCMP_CMP_EQ", SCMP_CMP_EQ},
       {"SCMP_CMP_GE", SCMP_CMP_GE},
       {"SCMP_CMP_GT", SCMP_CMP_GT},
       {"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ}}};
  for (const auto& [known, value] : all)
    if (known == name) return value;
  refuse(where + "/op", text::cat('"', name, "\" is no comparison"));
}

std::vector<scmp_arg_cmp> conditions_at(const json& rule, const std::string& where) {
  std::vector<scmp_arg_cmp> conditions;
  const auto at = rule.find("args");
  if (at == rule.end() || at->is_null()) return conditions;
  if (!at->is_array()) refuse(where + "/args", "not an array");
  for (std::size_t i = 0; i < at->size(); ++i) {
    const auto& item = (*at)[i];
    const auto place = text::cat(where, "/args/", i);
    if (!item.is_object()) refuse(place, "not an object");
    const auto index = number_at(item, "index", 0, place);
    if (index > 5) refuse(place + "/index", "system calls have six arguments, 0 to 5");
    conditions.push_back({static_cast<unsigned>(index), comparison_at(item, place), number_at(item, "value", 0, place),
                          number_at(item, "valueTwo", 0, place)});
  }
  return conditions;
}

bool kernel_is_at_least(const std::string& wanted, const std::string& where) {
  const auto dot = wanted.find('.');
  const auto major = text::parse_unsigned<unsigned>(std::string_view(wanted).substr(0, dot));
  const auto minor = dot == std::string::npos
                         ? std::nullopt
                         : text::parse_unsigned<unsigned>(std::string_view(wanted).substr(dot + 1));
  if (!major || !minor) refuse(where + "/minKernel", "not MAJOR.MINOR");
  utsname names{};
  unsigned here_major = 0, here_minor = 0;
  if (::uname(&names) != 0) return false;
  char* rest = nullptr;
  here_major = static_cast<unsigned>(std::strtoul(names.release, &rest, 10));
  if (*rest == '.') here_minor = static_cast<unsigned>(std::strtoul(rest + 1, nullptr, 10));
  return std::pair(here_major, here_minor) >= std::pair(*major, *minor);
}

/// Whether a rule counts for this machine and these capabilities.
bool applies(const json& rule, sys::cap_mask caps, const std::string& where) {
  const auto has_cap = [caps](const std::string& name) {
    const auto number = sys::parse_cap(name);
    return number && (caps & sys::cap_bit(*number)) != 0;
  };
  const auto section = [&](const char* name) -> json {
    const auto at = rule.find(name);
    if (at == rule.end() || at->is_null()) return json::object();
    if (!at->is_object()) refuse(where + '/' + name, "not an object");
    return *at;
  };
  const auto includes = section("includes"), excludes = section("excludes");
  const auto in_place = where + "/includes", out_place = where + "/excludes";
  const auto arches = texts_at(includes, "arches", in_place), not_arches = texts_at(excludes, "arches", out_place);
  const auto needed = texts_at(includes, "caps", in_place), unwanted = texts_at(excludes, "caps", out_place);
  const auto names_native = [](const std::vector<std::string>& list) {
    return std::find(list.begin(), list.end(), native_go_name) != list.end();
  };
  if (!arches.empty() && !names_native(arches)) return false;
  if (names_native(not_arches)) return false;
  if (!std::all_of(needed.begin(), needed.end(), has_cap)) return false;
  if (std::any_of(unwanted.begin(), unwanted.end(), has_cap)) return false;
  const auto least = text_at(includes, "minKernel", in_place), most = text_at(excludes, "minKernel", out_place);
  if (!least.empty() && !kernel_is_at_least(least, in_place)) return false;
  return most.empty() || !kernel_is_at_least(most, out_place);
}

std::vector<std::uint32_t> archs_of(const json& profile) {
  std::vector<std::string> names = texts_at(profile, "architectures", {});
  if (const auto map = profile.find("archMap"); map != profile.end() && map->is_array()) {
    for (std::size_t i = 0; i < map->size(); ++i) {
      const auto place = text::cat("/archMap/", i);
      if (!(*map)[i].is_object()) refuse(place, "not an object");
      if (text_at((*map)[i], "architecture", place) != native_name) continue;
      const auto more = texts_at((*map)[i], "subArchitectures", place);
      names.insert(names.end(), more.begin(), more.end());
    }
  }
  // Names of machines that this one cannot run mean nothing here.
  constexpr std::array<std::pair<std::string_view, std::uint32_t>, 2> siblings =
      intel ? std::array<std::pair<std::string_view, std::uint32_t>, 2>{{{"SCMP_ARCH_X86", SCMP_ARCH_X86},
                                                                         {"SCMP_ARCH_X32", SCMP_ARCH_X32}}}
            : std::array<std::pair<std::string_view, std::uint32_t>, 2>{{{"SCMP_ARCH_ARM", SCMP_ARCH_ARM}, {"", 0}}};
  std::vector<std::uint32_t> archs{native_arch};
  for (const auto& [name, value] : siblings)
    if (!name.empty() && std::find(names.begin(), names.end(), name) != names.end()) archs.push_back(value);
  return archs;
}

/// libseccomp takes one condition on an argument in one rule. Where a profile has several on one argument, each becomes
/// a rule of its own, as docker reads it.
bool repeats_an_argument(const std::vector<scmp_arg_cmp>& conditions) {
  std::array<int, 6> uses{};
  return std::any_of(conditions.begin(), conditions.end(), [&uses](const auto& c) { return ++uses[c.arg] > 1; });
}

}  // namespace

seccomp_program compile_seccomp(std::string_view text_of_profile, sys::cap_mask caps) {
  const auto profile = json::parse(text_of_profile, nullptr, false);
  if (profile.is_discarded() || !profile.is_object()) refuse("/", "not a JSON object");
  if (!text_at(profile, "listenerPath", {}).empty())
    throw error(errc::unsupported, "read seccomp profile", "/listenerPath", "containers have no notifier");

  const auto default_action = action_at(profile, "defaultAction", "defaultErrnoRet", {});
  const seccomp_library library;
  seccomp_filter filter(library.api(), default_action, archs_of(profile));
  seccomp_program program;
  std::vector<int> allowed;
  int last_known = 0;
  const auto rules = profile.find("syscalls");
  if (rules != profile.end() && !rules->is_array()) refuse("/syscalls", "not an array");
  for (std::size_t i = 0; rules != profile.end() && i < rules->size(); ++i) {
    const auto& rule = (*rules)[i];
    const auto where = text::cat("/syscalls/", i);
    if (!rule.is_object()) refuse(where, "not an object");
    auto names = texts_at(rule, "names", where);
    if (const auto single = text_at(rule, "name", where); !single.empty()) names.push_back(single);
    const auto action = action_at(rule, "action", "errnoRet", where);
    const auto conditions = conditions_at(rule, where);
    const bool active = applies(rule, caps, where);
    for (const auto& name : names) {
      const auto number = filter.number_on(native_arch, name.c_str());
      if (number) last_known = std::max(last_known, *number);
      if (!active) continue;
      bool added = false;
      if (repeats_an_argument(conditions)) {
        for (const auto& condition : conditions)
          added = filter.add(action, name.c_str(), std::span(&condition, 1)) || added;
      } else {
        added = filter.add(action, name.c_str(), conditions);
      }
      if (added && number && action == SCMP_ACT_ALLOW &&
          std::find(allowed.begin(), allowed.end(), *number) == allowed.end())
        allowed.push_back(*number);
    }
  }
  program.bpf = filter.compile();
  program.allowed = static_cast<unsigned>(allowed.size());
  // A libc that meets EPERM for a call newer than the profile gives up; ENOSYS makes it use the older one.
  if ((default_action & 0xffff0000U) == SCMP_ACT_ERRNO(0U) && last_known > 0)
    program.bpf = with_unknown_calls(std::move(program.bpf), static_cast<std::uint32_t>(last_known));
  return program;
}

}  // namespace contain::runtime
