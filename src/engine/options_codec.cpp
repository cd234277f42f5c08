#include "engine/options_codec.hpp"

#include <nlohmann/json.hpp>

#include "contain/core/error.hpp"

namespace contain {
namespace {

using nlohmann::json;

template <class T>
void put(json& to, const char* key, const T& value, const T& usual) {
  if (value != usual) to[key] = value;
}
template <class T>
void put(json& to, const char* key, const std::optional<T>& value) {
  if (value) to[key] = *value;
}
template <class E>
void put_enum(json& to, const char* key, E value, E usual) {
  if (value != usual) to[key] = static_cast<int>(value);
}

template <class T>
void take(const json& from, const char* key, T& value) {
  if (const auto found = from.find(key); found != from.end()) found->get_to(value);
}
template <class T>
void take(const json& from, const char* key, std::optional<T>& value) {
  if (const auto found = from.find(key); found != from.end()) value = found->get<T>();
}
template <class E>
void take_enum(const json& from, const char* key, E& value, E last) {
  const auto found = from.find(key);
  if (found == from.end()) return;
  const int number = found->get<int>();
  if (number < 0 || number > static_cast<int>(last)) throw error{errc::store_corrupt, "read options", key};
  value = static_cast<E>(number);
}

json to_object(const limits& l) {
  json o = json::object();
  put(o, "memory", l.memory_bytes);
  put(o, "cpus", l.cpus);
  put(o, "cpu_shares", l.cpu_shares);
  put(o, "pids", l.pids);
  if (!l.rlimits.empty()) o["rlimits"] = l.rlimits;
  return o;
}

void take_limits(const json& o, limits& l) {
  take(o, "memory", l.memory_bytes);
  take(o, "cpus", l.cpus);
  take(o, "cpu_shares", l.cpu_shares);
  take(o, "pids", l.pids);
  take(o, "rlimits", l.rlimits);
}

json to_object(const security_options& s) {
  const security_options usual;
  json o = json::object();
  put_enum(o, "profile", s.profile, usual.profile);
  put(o, "caps_add", s.caps_add, usual.caps_add);
  put(o, "caps_drop", s.caps_drop, usual.caps_drop);
  put(o, "no_new_privileges", s.no_new_privileges, usual.no_new_privileges);
  put(o, "seccomp", s.seccomp, usual.seccomp);
  put(o, "host_userns", s.host_userns, usual.host_userns);
  put(o, "host_cgroupns", s.host_cgroupns, usual.host_cgroupns);
  put(o, "host_timens", s.host_timens, usual.host_timens);
  put(o, "landlock", s.landlock, usual.landlock);
  put(o, "abi32", s.abi32, usual.abi32);
  put(o, "unmask", s.unmask, usual.unmask);
  put(o, "on_missing", s.on_missing, usual.on_missing);
  put(o, "strict", s.strict, usual.strict);
  return o;
}

void take_security(const json& o, security_options& s) {
  take_enum(o, "profile", s.profile, isolation_profile::privileged);
  take(o, "caps_add", s.caps_add);
  take(o, "caps_drop", s.caps_drop);
  take(o, "no_new_privileges", s.no_new_privileges);
  take(o, "seccomp", s.seccomp);
  take(o, "host_userns", s.host_userns);
  take(o, "host_cgroupns", s.host_cgroupns);
  take(o, "host_timens", s.host_timens);
  take(o, "landlock", s.landlock);
  take(o, "abi32", s.abi32);
  take(o, "unmask", s.unmask);
  take(o, "on_missing", s.on_missing);
  take(o, "strict", s.strict);
}

json to_object(const mount_option& m) {
  return {{"type", static_cast<int>(m.type)}, {"source", m.source},   {"destination", m.destination},
          {"read_only", m.read_only},         {"size", m.size_bytes}, {"mode", m.mode}};
}

mount_option mount_from(const json& o) {
  mount_option m;
  take_enum(o, "type", m.type, mount_option::kind::tmpfs);
  take(o, "source", m.source);
  take(o, "destination", m.destination);
  take(o, "read_only", m.read_only);
  take(o, "size", m.size_bytes);
  take(o, "mode", m.mode);
  return m;
}

}  // namespace

std::string encode(const container_options& c) {
  const container_options usual;
  json o = json::object();
  o["image"] = c.image;
  put(o, "command", c.command, usual.command);
  put(o, "entrypoint", c.entrypoint);
  put(o, "name", c.name, usual.name);
  put(o, "env", c.env, usual.env);
  put(o, "labels", c.labels, usual.labels);
  put(o, "workdir", c.workdir, usual.workdir);
  put(o, "user", c.user, usual.user);
  put(o, "hostname", c.hostname, usual.hostname);
  if (auto l = to_object(c.limits); !l.empty()) o["limits"] = std::move(l);
  if (auto s = to_object(c.security); !s.empty()) o["security"] = std::move(s);
  for (const auto& m : c.mounts) o["mounts"].push_back(to_object(m));
  put_enum(o, "network", c.network, usual.network);
  put(o, "tty", c.tty, usual.tty);
  put(o, "open_stdin", c.open_stdin, usual.open_stdin);
  put(o, "read_only_root", c.read_only_root, usual.read_only_root);
  put(o, "stop_signal", c.stop_signal, usual.stop_signal);
  if (c.stop_timeout != usual.stop_timeout) o["stop_timeout"] = c.stop_timeout.count();
  if (c.size.rows != 0 || c.size.columns != 0) o["size"] = {c.size.rows, c.size.columns};
  put(o, "auto_remove", c.auto_remove, usual.auto_remove);
  put_enum(o, "life", c.life, usual.life);
  put(o, "platform", c.platform, usual.platform);
  std::string bytes;
  json::to_cbor(o, bytes);
  return bytes;
}

container_options decode_options(std::string_view bytes) {
  try {
    const auto o = json::from_cbor(bytes);
    container_options c;
    take(o, "image", c.image);
    take(o, "command", c.command);
    take(o, "entrypoint", c.entrypoint);
    take(o, "name", c.name);
    take(o, "env", c.env);
    take(o, "labels", c.labels);
    take(o, "workdir", c.workdir);
    take(o, "user", c.user);
    take(o, "hostname", c.hostname);
    if (const auto l = o.find("limits"); l != o.end()) take_limits(*l, c.limits);
    if (const auto s = o.find("security"); s != o.end()) take_security(*s, c.security);
    if (const auto m = o.find("mounts"); m != o.end()) {
      for (const auto& one : *m) c.mounts.push_back(mount_from(one));
    }
    take_enum(o, "network", c.network, network_mode::none);
    take(o, "tty", c.tty);
    take(o, "open_stdin", c.open_stdin);
    take(o, "read_only_root", c.read_only_root);
    take(o, "stop_signal", c.stop_signal);
    if (const auto t = o.find("stop_timeout"); t != o.end()) c.stop_timeout = std::chrono::seconds{t->get<long>()};
    if (const auto s = o.find("size"); s != o.end()) {
      c.size = {s->at(0).get<unsigned short>(), s->at(1).get<unsigned short>()};
    }
    take(o, "auto_remove", c.auto_remove);
    take_enum(o, "life", c.life, lifetime::detached);
    take(o, "platform", c.platform);
    return c;
  } catch (const json::exception& e) {
    throw error{errc::store_corrupt, "read a container's options", {}, e.what()};
  }
}

}  // namespace contain
