// image::remove by docker's rules: a name is taken away first, the image goes with its last one.
#include <algorithm>
#include <utility>

#include "contain/core/error.hpp"
#include "contain/core/id.hpp"
#include "contain/core/text.hpp"
#include "contain/image.hpp"
#include "contain/storage/garbage.hpp"
#include "engine/image_lookup.hpp"
#include "engine/lifecycle.hpp"
#include "engine/state.hpp"

namespace contain {
namespace {

/// Why the image may not go now; nothing when it may.
std::optional<error> obstacle(const storage::metadata_reader& records, const std::string& id,
                              const remove_options& options) {
  const auto short_id = std::string{ids::short_id(std::string_view{id}.substr(7))};
  for (const auto& c : records.containers_of(id)) {
    const std::string_view user = ids::short_id(c.id);
    if (c.state == storage::run_state::running)
      return error{errc::image_in_use, "remove image", short_id,
                   text::cat("running container ", user, " (", c.name, ") uses it")}
          .with_hint(text::cat("contain rm -f ", c.name));
    if (!options.force)
      return error{errc::image_in_use, "remove image", short_id,
                   text::cat("stopped container ", user, " (", c.name, ") uses it")}
          .with_hint(text::cat("contain rm ", c.name, ", or contain rmi -f ", short_id));
  }
  return std::nullopt;
}

/// Whether these names all belong to one, as a tag and the digest that it was pulled by do.
bool is_single(const std::vector<std::string>& tags) noexcept { return tags.size() <= 1; }

}  // namespace

removal image::remove(engine& in, std::string_view name, const remove_options& options) {
  auto& store = in.internals();
  store.require_own_process();
  // Puts the records right first: a container that has ended meanwhile is no running user.
  const auto target = find_image(store.records.read(), name);
  for (auto& c : store.records.read().containers_of(target.id)) (void)lifecycle::look(store, std::move(c));

  removal done;
  std::vector<storage::layer_record> layers;
  {
    auto change = store.records.write();
    const auto found = find_image(change, name);
    const auto record = image_record_of(change, found.id);
    auto tags = change.tags(found.id);
    auto digests = change.repo_digests(found.id);
    const auto untag = [&](const std::string& reference, bool is_tag) {
      (void)(is_tag ? change.remove_tag(reference) : change.remove_repo_digest(reference));
      const auto familiar = familiar_name(reference);
      change.add_event("image", "untag", found.id, {{"name", familiar}});
      done.untagged.push_back(familiar);
    };
    if (found.reference) {
      const std::string canonical = found.reference->canonical();
      const bool is_tag = !found.reference->digest;
      const bool last = is_tag ? is_single(tags) : tags.empty() && digests.size() <= 1;
      if (!last) {
        untag(canonical, is_tag);
        // The digests that the repository's last tag was pulled by go with it.
        const std::string repository = found.reference->name();
        const auto of_repository = [&](const std::string& r) {
          const auto parsed = oci::try_parse_reference(r);
          return parsed && parsed->name() == repository;
        };
        std::erase(tags, canonical);
        if (is_tag && std::ranges::none_of(tags, of_repository))
          for (const auto& digest : digests)
            if (of_repository(digest)) untag(digest, false);
        change.commit();
        return done;
      }
    } else if (!is_single(tags) && !options.force) {
      throw error{errc::image_in_use, "remove image", std::string{name}, "it has several tags"}.with_hint(
          text::cat("remove them one by one, or contain rmi -f ", name));
    }
    if (auto why = obstacle(change, found.id, options)) throw std::move(*why);
    for (const auto& tag : tags) untag(tag, true);
    for (const auto& digest : digests) untag(digest, false);
    change.remove_image(found.id);
    change.add_event("image", "delete", found.id, {{"name", found.id}});
    change.commit();
    done.deleted.push_back(found.id);
    layers = record.layers;
  }
  (void)storage::collect_garbage(store.blobs, store.layers, store.records);
  for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer)
    if (!store.layers.has(oci::digest::from(layer->chain_id))) done.deleted.push_back(layer->chain_id);
  return done;
}

}  // namespace contain
