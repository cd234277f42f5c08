// Listing and pruning containers.
#include <sys/stat.h>

#include "contain/core/error.hpp"
#include "contain/core/text.hpp"
#include "contain/engine.hpp"
#include "contain/sys/dir.hpp"
#include "engine/filter.hpp"
#include "engine/lifecycle.hpp"
#include "engine/state.hpp"

namespace contain {
namespace {

/// Bytes on disk below `name`. A tree that changes meanwhile gives an approximate answer, never an error.
std::uint64_t usage_of(int dir, const char* name) {
  struct stat st {};
  if (::fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0) return 0;
  std::uint64_t bytes = static_cast<std::uint64_t>(st.st_blocks) * 512;
  if (!S_ISDIR(st.st_mode)) return bytes;
  const auto below = sys::open_at(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!below) return bytes;
  const auto entries = sys::list_dir(below->get());
  if (!entries) return bytes;
  for (const auto& entry : *entries) bytes += usage_of(below->get(), entry.name.c_str());
  return bytes;
}

/// One snapshot, put right container by container.
std::vector<storage::container_record> current(engine::impl& in, const list_filter& filter) {
  std::vector<storage::container_record> found;
  auto all = in.records.read().containers();
  for (auto& c : all) {
    try {
      if (auto now = lifecycle::look(in, c).record) found.push_back(std::move(*now));
    } catch (const error& e) {
      in.warn("engine", text::cat(e.what(), ", ignoring"));  // one container in trouble must not hide the others
      found.push_back(std::move(c));
    }
  }
  const auto records = in.records.read();
  const container_filter wanted{records, filter};
  std::erase_if(found, [&](const auto& c) { return !wanted.matches(c); });
  return found;
}

}  // namespace

std::vector<container_info> engine::containers(const list_filter& filter) const {
  std::vector<container_info> listed;
  for (const auto& c : current(*impl_, filter)) listed.push_back(lifecycle::info_of(c));
  return listed;
}

prune_report engine::prune_containers(const list_filter& filter) {
  prune_report report;
  list_filter stopped = filter;
  stopped.all = true;
  for (const auto& c : current(*impl_, stopped)) {
    if (c.state == storage::run_state::running) continue;
    // One that belongs to a living object is that object's to remove.
    if (c.ephemeral) continue;
    const auto bytes = usage_of(impl_->containers.get(), c.id.c_str());
    try {
      if (lifecycle::erase_stopped(*impl_, c) != lifecycle::removal_of_stopped::removed) continue;
      report.deleted.push_back(c.id);
      report.reclaimed_bytes += bytes;
    } catch (const error& e) {
      if (e.code() != errc::busy) throw;  // somebody is starting it
    }
  }
  return report;
}

}  // namespace contain
