#include "contain/container.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "contain/core/error.hpp"
#include "contain/core/id.hpp"
#include "contain/core/text.hpp"
#include "contain/engine.hpp"
#include "contain/image.hpp"
#include "contain/sys/dir.hpp"
#include "contain/sys/file.hpp"
#include "engine/container_state.hpp"
#include "engine/lifecycle.hpp"
#include "engine/options_codec.hpp"

namespace contain {
namespace {

error not_found(std::string_view name) { return {errc::container_not_found, "find container", std::string{name}}; }

/// False when the name is taken. Everything or nothing.
bool add(engine::impl& in, storage::container_record& c, container::impl& handle, blueprint& plan,
         const std::string& image_config) {
  auto w = in.records.write();
  if (::geteuid() == 0) c.id_range = w.free_id_range(in.id_base(), in.reserved_ids());
  plan.options.name = c.name;
  if (!w.add_container(c, {.options = encode(plan.options), .image_config = image_config})) return false;
  // Inside the transaction, so that options which cannot work leave no trace.
  plan.built = runtime::build_spec(c.id, plan.options, plan.image, in.host(), c.id_range);
  w.add_event("container", "create", c.id, lifecycle::attributes_of(c));
  w.commit();
  // Record before files: a process that is killed here leaves a record by which the rest is found and removed.
  try {
    handle.directory = lifecycle::make_directories(in, c.id);
  } catch (...) {
    (void)lifecycle::erase(in, c);
    throw;
  }
  return true;
}

/// The name may belong to something that has ended and only waits for somebody to notice.
bool free_name(engine::impl& in, const std::string& name) {
  const auto holder = in.records.read().container_by_name(name);
  return !holder || !lifecycle::look(in, *holder).record;
}

}  // namespace

container::container(std::unique_ptr<impl> i) noexcept : impl_(std::move(i)) {}
container::container(container&&) noexcept = default;
container& container::operator=(container&&) noexcept = default;
container::~container() = default;

container container::create(engine& in, container_options options) {
  return container{impl::create(in, std::move(options))};
}

std::unique_ptr<container::impl> container::impl::create(engine& in, container_options options) {
  auto& e = in.internals();
  e.require_own_process();
  if (!options.name.empty() && !ids::is_valid_name(options.name)) {
    throw error{errc::invalid, "create container", options.name,
                "a name is a letter or digit and then letters, digits, '_', '.' or '-'"};
  }
  pull_options pull;
  pull.platform = options.platform;
  const auto from = image::ensure(in, options.image, pull);
  const auto stored = e.records.read().image(from.id());
  if (!stored) throw error{errc::image_not_found, "create container", options.image};

  auto handle = std::make_unique<impl>(e, ids::random_id());
  blueprint plan{.options = std::move(options), .image = oci::parse_image_config(stored->config).config, .built = {}};
  storage::container_record c;
  c.id = handle->id;
  c.image = plan.options.image;
  c.image_id = stored->id;
  c.command = runtime::compose_command(plan.options, plan.image);
  c.labels = plan.image.labels;
  for (const auto& [key, value] : plan.options.labels) c.labels[key] = value;
  for (const auto& layer : stored->layers) c.chains.push_back(layer.chain_id);
  c.created = now();
  c.process.boot_id = e.boot_id();
  c.ephemeral = plan.options.life == lifetime::owner;
  c.auto_remove = plan.options.auto_remove;
  c.tty = plan.options.tty;
  c.owner_pid = c.ephemeral ? e.opened_by : 0;
  c.owner_start_ticks = c.ephemeral ? e.own_start_ticks() : 0;

  const std::string wanted = plan.options.name;
  try {
    for (unsigned attempt = 0;; ++attempt) {
      c.name = wanted.empty() ? ids::random_name(attempt) : wanted;
      if (add(e, c, *handle, plan, stored->config)) break;
      if (!wanted.empty() && !free_name(e, wanted)) {
        throw error{errc::name_in_use, "create container", wanted}.with_hint(
            text::cat("contain rm ", wanted, ", or choose another name"));
      }
    }
  } catch (error& failure) {
    failure.during("creating a container of " + c.image);
    throw;
  }
  handle->set_plan(std::move(plan));
  if (c.ephemeral) {
    handle->owns = true;
    e.adopt(c.id);
  }
  return handle;
}

container container::open(engine& in, std::string_view name) {
  auto& e = in.internals();
  e.require_own_process();
  std::optional<storage::container_record> found;
  {
    // Docker's order: a full id, a name, the beginning of an id.
    const auto r = e.records.read();
    if (name.size() == 64 && ids::is_hex(name)) found = r.container(name);
    if (!found) found = r.container_by_name(name);
    if (!found && ids::is_hex(name)) {
      const auto matching = r.container_ids(name);
      if (matching.size() > 1) {
        throw error{errc::container_not_found, "find container", std::string{name}, "several ids begin like this"}
            .with_hint("give more digits of the id");
      }
      if (!matching.empty()) found = r.container(matching.front());
    }
  }
  if (found) found = lifecycle::look(e, *found).record;
  if (!found) throw not_found(name);
  auto handle = std::make_unique<impl>(e, found->id);
  handle->directory = lifecycle::open_directory(e, found->id);
  return container{std::move(handle)};
}

const std::string& container::id() const noexcept { return impl_->id; }
std::string container::name() const { return impl_->current().name; }
container_info container::info() const { return lifecycle::info_of(impl_->current()); }
container_state container::state() const { return static_cast<container_state>(impl_->current().state); }

void container::rename(std::string_view name) {
  if (!ids::is_valid_name(name)) {
    throw error{errc::invalid, "rename container", std::string{name},
                "a name is a letter or digit and then letters, digits, '_', '.' or '-'"};
  }
  const auto c = impl_->current();
  do {
    auto w = impl_->in->records.write();
    if (!w.rename_container(impl_->id, name)) continue;
    auto attributes = lifecycle::attributes_of(c);
    attributes["oldName"] = std::exchange(attributes["name"], std::string{name});
    w.add_event("container", "rename", impl_->id, attributes);
    w.commit();
    return;
  } while (free_name(*impl_->in, std::string{name}));
  throw error{errc::name_in_use, "rename container", std::string{name}};
}

void container::remove(bool force) {
  auto& in = *impl_->in;
  in.require_own_process();
  const auto found = impl_->observe();
  if (found && lifecycle::erase_stopped(in, *found) == lifecycle::removal_of_stopped::runs) {
    if (!force) {
      throw error{errc::already_running, "remove container", found->name}.with_hint(
          text::cat("contain stop ", found->name, ", or use force"));
    }
    if (const auto running = in.records.read().container(impl_->id)) lifecycle::destroy(in, *running);
  }
  impl_->owns = false;
}

void container::detach() {
  auto& in = *impl_->in;
  const auto c = impl_->current();
  if (!c.ephemeral) return;
  // Once started, its supervisor removes its files when this process ends, whatever the record says.
  if (c.started != time_point{}) {
    throw error{errc::invalid, "detach container", c.name, "it has already run for its owner; detach before start"};
  }
  auto w = in.records.write();
  w.set_owner(impl_->id, false, 0, 0);
  w.commit();
  impl_->owns = false;
  in.release(impl_->id);
}

// ---- the handle

container::impl::impl(engine::impl& engine, std::string container_id) noexcept
    : in(&engine), id(std::move(container_id)), made_by(engine.opened_by) {}

container::impl::~impl() {
  if (!owns || ::getpid() != made_by) return;
  try {
    if (const auto c = in->records.read().container(id)) lifecycle::destroy(*in, *c);
  } catch (const std::exception& e) {
    in->warn("engine", text::cat(e.what(), ", ignoring"));  // the engine's end or the next engine tries again
  }
}

std::optional<storage::container_record> container::impl::observe() const {
  in->require_own_process();
  auto found = in->records.read().container(id);
  if (!found) return std::nullopt;
  auto seen = lifecycle::look(*in, std::move(*found));
  if (seen.ended) ended->set(*seen.ended);
  return std::move(seen.record);
}

storage::container_record container::impl::current() const {
  auto found = observe();
  if (!found) throw not_found(ids::short_id(id));
  return std::move(*found);
}

const blueprint& container::impl::plan() const {
  const std::lock_guard lock{mutex_};
  if (plan_) return *plan_;
  std::optional<storage::container_record> c;
  storage::container_documents documents;
  {
    const auto r = in->records.read();
    c = r.container(id);
    if (!c) throw not_found(ids::short_id(id));
    documents = r.documents(id);
  }
  blueprint b;
  b.options = decode_options(documents.options);
  b.options.name = c->name;
  b.image = oci::parse_image_config(documents.image_config).config;
  b.built = runtime::build_spec(id, b.options, b.image, in->host(), c->id_range);
  plan_ = std::make_unique<const blueprint>(std::move(b));
  return *plan_;
}

void container::impl::set_plan(blueprint b) const {
  const std::lock_guard lock{mutex_};
  plan_ = std::make_unique<const blueprint>(std::move(b));
}

void container::impl::report(const storage::container_record& c, std::string_view action,
                             std::map<std::string, std::string> more) const {
  more.merge(lifecycle::attributes_of(c));
  auto w = in->records.write();
  w.add_event("container", action, id, more);
  w.commit();
}

}  // namespace contain
