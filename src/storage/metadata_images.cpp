#include "contain/core/error.hpp"
#include "contain/storage/metadata.hpp"

namespace contain::storage {
namespace {

#define CONTAIN_IMAGE_COLUMNS \
  "id, manifest_digest, manifest_type, os, architecture, variant, created, size_bytes, config"

image_record image_from(const query& q) {
  return {.id = q.text(0),
          .manifest_digest = q.text(1),
          .manifest_type = q.text(2),
          .config = q.text(8),
          .os = q.text(3),
          .architecture = q.text(4),
          .variant = q.text(5),
          .created = time_point{std::chrono::nanoseconds{q.integer(6)}},
          .size_bytes = static_cast<std::uint64_t>(q.integer(7)),
          .layers = {}};
}

void read_layers(const session& db, image_record& image) {
  auto q = db.prepare(
      "SELECT diff_id, chain_id, digest, media_type, blob_bytes, size_bytes FROM image_layers WHERE image_id = ?"
      " ORDER BY position");
  for (q.bind(image.id); q.step();) {
    image.layers.push_back({.diff_id = q.text(0),
                            .chain_id = q.text(1),
                            .digest = q.text(2),
                            .media_type = q.text(3),
                            .blob_bytes = static_cast<std::uint64_t>(q.integer(4)),
                            .size_bytes = static_cast<std::uint64_t>(q.integer(5))});
  }
}

std::vector<std::string> texts(query q) {
  std::vector<std::string> found;
  while (q.step()) found.push_back(q.text(0));
  return found;
}

std::vector<reference_record> references(query q) {
  std::vector<reference_record> found;
  while (q.step()) found.push_back({q.text(0), q.text(1)});
  return found;
}

}  // namespace

std::optional<image_record> metadata_reader::image(std::string_view id) const {
  auto q = transaction_.prepare("SELECT " CONTAIN_IMAGE_COLUMNS " FROM images WHERE id = ?");
  if (!q.bind(id).step()) return std::nullopt;
  auto found = image_from(q);
  read_layers(transaction_, found);
  return found;
}

std::vector<image_record> metadata_reader::images() const {
  std::vector<image_record> found;
  for (auto q = transaction_.prepare("SELECT " CONTAIN_IMAGE_COLUMNS " FROM images ORDER BY created DESC, rowid DESC");
       q.step();) {
    found.push_back(image_from(q));
  }
  for (auto& image : found) read_layers(transaction_, image);
  return found;
}

std::vector<std::string> metadata_reader::image_ids(std::string_view prefix) const {
  // A range instead of LIKE: it uses the index and knows no wildcards. '~' sorts after every character of an id.
  auto q = transaction_.prepare("SELECT id FROM images WHERE id >= ?1 AND id < ?1 || '~' ORDER BY id LIMIT 2");
  q.bind(prefix);
  return texts(std::move(q));
}

std::optional<std::string> metadata_reader::image_of(std::string_view reference) const {
  auto q = transaction_.prepare(
      "SELECT image_id FROM tags WHERE reference = ?1"
      " UNION ALL SELECT image_id FROM repo_digests WHERE reference = ?1 LIMIT 1");
  if (!q.bind(reference).step()) return std::nullopt;
  return q.text(0);
}

std::vector<std::string> metadata_reader::tags(std::string_view image_id) const {
  auto q = transaction_.prepare("SELECT reference FROM tags WHERE image_id = ? ORDER BY reference");
  q.bind(image_id);
  return texts(std::move(q));
}

std::vector<std::string> metadata_reader::repo_digests(std::string_view image_id) const {
  auto q = transaction_.prepare("SELECT reference FROM repo_digests WHERE image_id = ? ORDER BY reference");
  q.bind(image_id);
  return texts(std::move(q));
}

std::vector<reference_record> metadata_reader::all_tags() const {
  return references(transaction_.prepare("SELECT reference, image_id FROM tags ORDER BY reference"));
}

std::vector<reference_record> metadata_reader::all_repo_digests() const {
  return references(transaction_.prepare("SELECT reference, image_id FROM repo_digests ORDER BY reference"));
}

bool metadata_reader::chain_in_use(std::string_view chain_id) const {
  // Containers list their chains in one column: only removals ask, and they may scan.
  return exists("SELECT 1 FROM image_layers WHERE chain_id = ? LIMIT 1", chain_id) ||
         exists("SELECT 1 FROM containers WHERE instr(chains, ?) > 0 LIMIT 1", chain_id);
}

bool metadata_reader::blob_in_use(std::string_view digest) const {
  return exists("SELECT 1 FROM image_layers WHERE digest = ? LIMIT 1", digest) ||
         exists("SELECT 1 FROM images WHERE ?1 IN (id, manifest_digest) LIMIT 1", digest);
}

void metadata_writer::put_image(const image_record& image) {
  // An update in place: a replacing insert would delete the old row first, and with it the tags.
  transaction_.run("INSERT INTO images(" CONTAIN_IMAGE_COLUMNS
                   ") VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(id) DO UPDATE SET"
                   " manifest_digest = excluded.manifest_digest, manifest_type = excluded.manifest_type,"
                   " size_bytes = excluded.size_bytes",
                   image.id, image.manifest_digest, image.manifest_type, image.os, image.architecture, image.variant,
                   image.created.time_since_epoch().count(), image.size_bytes, image.config);
  transaction_.run("DELETE FROM image_layers WHERE image_id = ?", image.id);
  int position = 0;
  for (const auto& layer : image.layers) {
    transaction_.run(
        "INSERT INTO image_layers(image_id, position, diff_id, chain_id, digest, media_type, blob_bytes, size_bytes)"
        " VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
        image.id, position++, layer.diff_id, layer.chain_id, layer.digest, layer.media_type, layer.blob_bytes,
        layer.size_bytes);
  }
}

void metadata_writer::remove_image(std::string_view id) { transaction_.run("DELETE FROM images WHERE id = ?", id); }

std::optional<std::string> metadata_writer::put_tag(std::string_view reference, std::string_view image_id) {
  std::optional<std::string> before;
  {
    auto q = transaction_.prepare("SELECT image_id FROM tags WHERE reference = ?");
    if (q.bind(reference).step() && q.text(0) != image_id) before = q.text(0);
  }
  transaction_.run(
      "INSERT INTO tags(reference, image_id) VALUES(?, ?)"
      " ON CONFLICT(reference) DO UPDATE SET image_id = excluded.image_id",
      reference, image_id);
  return before;
}

bool metadata_writer::remove_tag(std::string_view reference) {
  return transaction_.run("DELETE FROM tags WHERE reference = ?", reference) > 0;
}

void metadata_writer::put_repo_digest(std::string_view reference, std::string_view image_id) {
  transaction_.run(
      "INSERT INTO repo_digests(reference, image_id) VALUES(?, ?)"
      " ON CONFLICT(reference) DO UPDATE SET image_id = excluded.image_id",
      reference, image_id);
}

bool metadata_writer::remove_repo_digest(std::string_view reference) {
  return transaction_.run("DELETE FROM repo_digests WHERE reference = ?", reference) > 0;
}

}  // namespace contain::storage
