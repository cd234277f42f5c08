// image::pull: a reference becomes an image of this store. Documents are fetched and checked on the calling thread,
// then layers by a few threads that live only within the call.
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "contain/core/error.hpp"
#include "contain/core/text.hpp"
#include "contain/image.hpp"
#include "contain/oci/image_config.hpp"
#include "contain/oci/index.hpp"
#include "contain/oci/media_type.hpp"
#include "contain/oci/platform.hpp"
#include "contain/oci/reference.hpp"
#include "contain/registry/client.hpp"
#include "contain/storage/ingest.hpp"
#include "contain/sys/signal_mask.hpp"
#include "engine/state.hpp"

namespace contain {
namespace {

using phase = transfer_progress::phase;
/// More connections than this gain nothing once inflating is the bottleneck, and registries count them.
constexpr std::size_t max_workers = 3;
constexpr std::chrono::milliseconds progress_interval{50};
constexpr unsigned max_nested_indexes = 3;

std::optional<registry::credentials> credentials_for(const oci::reference& name, const pull_options& options) {
  if (options.auth)
    return registry::credentials{options.auth->username, options.auth->password, options.auth->identity_token};
  if (options.auth_file.empty()) return std::nullopt;
  return registry::read_credentials(options.auth_file, name.domain, name.repository);
}

registry::client_options connection(const oci::reference& name, const pull_options& options) {
  registry::client_options out;
  out.http.ca_file = options.ca_file;
  out.http.verify = options.insecure_tls ? registry::tls_verification::none : registry::tls_verification::full;
  out.auth = credentials_for(name, options);
  return out;
}

error wrong_platform(const oci::reference& name, const oci::platform& wanted, const std::string& offered) {
  error e{errc::platform_mismatch, "choose platform", name.familiar(),
          text::cat("there is none for ", oci::to_string(wanted), "; there is ",
                    offered.empty() ? "nothing else" : offered)};
  if (const auto first = offered.substr(0, offered.find(',')); !first.empty()) e.with_hint("--platform " + first);
  return e;
}

/// One image as the registry describes it, every digest checked.
struct remote_image {
  oci::digest digest;  ///< of what the reference names: the index, if it is one
  registry::fetched_manifest document;
  oci::manifest manifest;
  std::string config_bytes;
  oci::image_config config;
};

/// Follows indexes to the manifest for `wanted`.
remote_image find_manifest(registry::client& from, const oci::reference& name, const oci::platform& wanted,
                           const std::stop_token& stop) {
  remote_image out;
  out.document = from.get_manifest(name.manifest_key(), stop);
  out.digest = out.document.digest;
  for (unsigned depth = 0;; ++depth) {
    auto parsed = oci::parse_manifest_or_index(out.document.bytes, out.document.media_type);
    if (auto* manifest = std::get_if<oci::manifest>(&parsed)) {
      out.manifest = std::move(*manifest);
      return out;
    }
    const auto& index = std::get<oci::index>(parsed);
    if (depth == max_nested_indexes)
      throw error{errc::corrupt, "read image index", name.familiar(), "indexes are nested too deeply"};
    const auto* entry = oci::choose(index, wanted);
    if (entry == nullptr) throw wrong_platform(name, wanted, oci::list_platforms(index));
    out.document = from.get_manifest(entry->digest.text(), stop);
    // The descriptor's word counts: the same bytes under another type could be read as something else.
    if (out.document.media_type.empty()) out.document.media_type = entry->media_type;
    if (out.document.media_type != entry->media_type || out.document.bytes.size() != entry->size)
      throw error{errc::corrupt, "read manifest", entry->digest.text(),
                  text::cat("the index says ", entry->media_type, " of ", entry->size, " bytes, it is ",
                            out.document.media_type, " of ", out.document.bytes.size())};
  }
}

void check_layers(const oci::reference& name, const remote_image& image) {
  const auto& m = image.manifest;
  for (std::size_t i = 0; i < m.layers.size(); ++i) {
    const auto refuse = [&](errc code, std::string why) {
      return error{code, "read manifest", name.familiar(), text::cat("layer ", i, ' ', why)};
    };
    const auto type = oci::parse_layer_type(m.layers[i].media_type);
    if (!type) throw refuse(errc::protocol, "is of a type that cannot be unpacked: " + m.layers[i].media_type);
    // Their bytes are at addresses that the image names, which are not to be trusted (CVE-2020-15157).
    if (type->foreign || !m.layers[i].urls.empty())
      throw refuse(errc::protocol, "is a foreign layer, kept outside the registry; those are never fetched");
    if (m.layers[i].digest.algorithm() != oci::digest_algorithm::sha256)
      throw refuse(errc::protocol, "has a digest that is not sha256");
  }
  if (m.layers.size() != image.config.diff_ids.size())
    throw error{errc::corrupt, "read manifest", name.familiar(),
                text::cat("it has ", m.layers.size(), " layers, its config ", image.config.diff_ids.size())};
}

remote_image describe(registry::client& from, const oci::reference& name, const oci::platform& wanted,
                      const std::stop_token& stop) {
  auto out = find_manifest(from, name, wanted, stop);
  const auto& config = out.manifest.config;
  if (!oci::is_image_config(config.media_type))
    throw error{errc::protocol, "read manifest", name.familiar(),
                "it is no container image but something else that registries keep: " + config.media_type};
  out.config_bytes = from.get_document(config, oci::max_config_bytes, stop);
  out.config = oci::parse_image_config(out.config_bytes);
  // Also after an index: its word about the platform may be wrong. Old tools left the words out.
  const auto& has = out.config.platform;
  if (!has.os.empty() && !has.architecture.empty() && !oci::match_rank(wanted, has))
    throw wrong_platform(name, wanted, oci::to_string(has));
  check_layers(name, out);
  return out;
}

/// Fetches what an image_writer needs of the layers, and reports from the calling thread.
class layer_crew {
 public:
  layer_crew(const registry::client& from, const oci::manifest& manifest, storage::image_writer& to,
             const progress_sink& progress, std::stop_source& stop)
      : from_(&from),
        manifest_(&manifest),
        to_(&to),
        progress_(&progress),
        stop_(&stop),
        layers_(manifest.layers.size()) {}

  /// Returns when every layer is there; throws what went wrong first. No thread is left either way.
  void run() {
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      const bool here = to_->needs(i) == storage::layer_need::nothing;
      if (!here) wanted_.push_back(i);
      report({manifest_->layers[i].digest.text(), here ? phase::exists : phase::waiting, 0, manifest_->layers[i].size});
    }
    {
      std::vector<std::jthread> workers;
      const hurry_at_exit at_exit{stop_};
      {
        const sys::blocked_signals shield;  // the host's handlers must not run on threads it does not know
        running_ = std::min(max_workers, wanted_.size());
        while (workers.size() < running_) workers.emplace_back([this] { work(); });
      }
      watch();
      at_exit.done = true;
    }
    if (failure_) std::rethrow_exception(failure_);
  }

  /// Once the image is committed.
  void report_done() const {
    for (const auto i : wanted_) {
      const auto& blob = manifest_->layers[i];
      report({blob.digest.text(), phase::done, blob.size, blob.size});
    }
  }

 private:
  struct layer_state {
    const storage::layer_writer* writer = nullptr;  ///< while it unpacks what has all arrived
    std::uint64_t received = 0, reported = 0;
    phase at = phase::waiting;
  };
  /// Destroyed before the threads are joined.
  struct hurry_at_exit {
    std::stop_source* stop;
    mutable bool done = false;
    ~hurry_at_exit() {
      if (!done) stop->request_stop();
    }
  };

  void report(const transfer_progress& what) const {
    if (*progress_) (*progress_)(what);
  }

  // --- on the workers

  void work() noexcept {
    try {
      auto client = from_->sibling();
      for (;;) {
        const auto next = next_.fetch_add(1);
        if (next >= wanted_.size() || stop_->stop_requested()) break;
        fetch(client, wanted_[next]);
      }
    } catch (...) {
      fail(std::current_exception());
    }
    const std::lock_guard lock{mutex_};
    --running_;
    changed_.notify_one();
  }

  void fetch(registry::client& client, std::size_t i) {
    enter(i, phase::downloading);
    auto writer = to_->begin(i);
    client.get_blob(
        manifest_->layers[i],
        [&](std::span<const std::byte> piece) {
          writer.write(piece);
          const std::lock_guard lock{mutex_};
          layers_[i].received += piece.size();
        },
        stop_->get_token());
    enter(i, phase::unpacking, &writer);
    struct forget {
      layer_crew* crew;
      std::size_t layer;
      ~forget() {
        const std::lock_guard lock{crew->mutex_};
        crew->layers_[layer].writer = nullptr;
      }
    } const forget_writer{this, i};
    writer.finish();
    enter(i, phase::verified);
  }

  void enter(std::size_t i, phase at, const storage::layer_writer* writer = nullptr) {
    const std::lock_guard lock{mutex_};
    layers_[i].at = at;
    layers_[i].writer = writer;
    const auto total = manifest_->layers[i].size;
    const auto current = at == phase::verified ? total : std::uint64_t{0};
    events_.push_back({manifest_->layers[i].digest.text(), at, current, at == phase::unpacking ? 0 : total});
    changed_.notify_one();
  }

  /// The first failure is the one to tell; those it causes (interrupted) are not.
  void fail(std::exception_ptr what) {
    {
      const std::lock_guard lock{mutex_};
      if (!failure_) failure_ = std::move(what);
    }
    stop_->request_stop();
  }

  // --- on the calling thread

  void watch() {
    std::unique_lock lock{mutex_};
    for (;;) {
      const auto news = [&] { return !events_.empty() || running_ == 0; };
      (void)changed_.wait_for(lock, progress_interval, news);
      std::deque<transfer_progress> out;
      out.swap(events_);
      for (const auto i : wanted_) add_movement(i, out);
      const bool over = running_ == 0;
      lock.unlock();  // the sink may be slow, or call Python
      for (const auto& one : out) report(one);
      if (over) return;
      lock.lock();
    }
  }

  void add_movement(std::size_t i, std::deque<transfer_progress>& out) {
    auto& layer = layers_[i];
    const auto& blob = manifest_->layers[i];
    if (layer.at == phase::downloading && layer.received != layer.reported) {
      layer.reported = layer.received;
      out.push_back({blob.digest.text(), phase::downloading, layer.received, blob.size});
    } else if (layer.at == phase::unpacking && layer.writer != nullptr) {
      out.push_back({blob.digest.text(), phase::unpacking, layer.writer->unpacked_bytes(), 0});
    }
  }

  const registry::client* from_;
  const oci::manifest* manifest_;
  storage::image_writer* to_;
  const progress_sink* progress_;
  std::stop_source* stop_;
  std::vector<std::size_t> wanted_;
  std::atomic<std::size_t> next_{0};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<layer_state> layers_;
  std::deque<transfer_progress> events_;
  std::exception_ptr failure_;
  std::size_t running_ = 0;
};

storage::image_draft draft_of(const oci::reference& name, const remote_image& image) {
  storage::image_draft out;
  out.manifest = image.document.bytes;
  out.manifest_type = image.manifest.media_type;
  out.config = image.config_bytes;
  auto plain = name;
  plain.digest = {};
  // As docker: who asks for a digest gets no tag, because the tag may mean something else by now.
  if (!name.digest) out.tags.push_back(plain.canonical());
  plain.tag.clear();
  plain.digest = image.digest;
  out.repo_digests.push_back(plain.canonical());
  out.event = "pull";
  return out;
}

std::string pull_into(engine::impl& store, const oci::reference& name, const pull_options& options) {
  const auto wanted = options.platform.empty() ? oci::host_platform() : oci::parse_platform(options.platform);
  // Stops the workers for any reason; the caller's own request is one.
  std::stop_source stop;
  const std::stop_callback forward{options.stop, [&] { stop.request_stop(); }};
  const auto say = [&](phase at) {
    if (options.progress) options.progress({{}, at, 0, 0});
  };

  say(phase::resolving);
  registry::client from{name, connection(name, options)};
  auto image = describe(from, name, wanted, stop.get_token());

  std::vector<storage::layer_expectation> expected;
  for (std::size_t i = 0; i < image.manifest.layers.size(); ++i) {
    const auto& layer = image.manifest.layers[i];
    expected.push_back({.digest = layer.digest, .size = layer.size, .diff_id = image.config.diff_ids[i]});
  }
  storage::image_writer writer{
      store.blobs, store.layers, store.records, std::move(expected), {.limits = {}, .stop = stop.get_token()}};
  layer_crew crew{from, image.manifest, writer, options.progress, stop};
  crew.run();
  if (options.stop.stop_requested()) throw error{errc::interrupted, "pull", name.familiar()};
  auto id = writer.commit(draft_of(name, image));
  crew.report_done();
  say(phase::done);
  return id;
}

}  // namespace

image image::pull(engine& in, std::string_view reference, const pull_options& options) {
  const auto name = oci::parse_reference(reference).with_default_tag();
  auto& store = in.internals();
  store.require_own_process();
  try {
    return image{in, pull_into(store, name, options)};
  } catch (error& e) {
    e.during("pulling " + name.familiar());
    throw;
  }
}

}  // namespace contain
