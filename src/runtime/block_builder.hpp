// Builds one relocatable block of plain data: places are byte offsets while it grows, and self-relative in what it
// leaves.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>
#include <vector>

#include "contain/runtime/launch_plan.hpp"

namespace contain::runtime {

class block_builder {
 public:
  /// Room for `count` zeroed objects; returns where.
  template <class T>
  std::size_t place(std::size_t count = 1) {
    static_assert(std::is_trivially_copyable_v<T>);
    const std::size_t at = (bytes_.size() + alignof(T) - 1) / alignof(T) * alignof(T);
    bytes_.resize(at + sizeof(T) * count);
    return at;
  }
  /// A NUL-terminated copy.
  std::size_t place_text(std::string_view text) {
    const std::size_t at = bytes_.size();
    bytes_.insert(bytes_.end(), text.begin(), text.end());
    bytes_.push_back('\0');
    return at;
  }
  template <class T>
  T& at(std::size_t where, std::size_t index = 0) {
    return *(reinterpret_cast<T*>(bytes_.data() + where) + index);
  }
  /// Makes the pointer at `pointer` (an offset of a relative<T>) point to `target`.
  void link(std::size_t pointer, std::size_t target) {
    at<std::int32_t>(pointer) =
        static_cast<std::int32_t>(static_cast<std::ptrdiff_t>(target) - static_cast<std::ptrdiff_t>(pointer));
  }
  void link_text(std::size_t pointer, std::string_view text) { link(pointer, place_text(text)); }
  /// Fills the list at `list`; returns where its first element is.
  template <class T>
  std::size_t link_list(std::size_t list, std::size_t count) {
    const std::size_t first = place<T>(count);
    link(list + offsetof(plan_list<T>, first), first);
    at<std::uint32_t>(list + offsetof(plan_list<T>, size)) = static_cast<std::uint32_t>(count);
    return first;
  }
  [[nodiscard]] std::size_t offset_of(const void* object) const noexcept {
    return static_cast<std::size_t>(static_cast<const char*>(object) - bytes_.data());
  }
  [[nodiscard]] const std::vector<char>& bytes() const noexcept { return bytes_; }
  void reserve(std::size_t size) { bytes_.reserve(size); }

 private:
  std::vector<char> bytes_;
};

}  // namespace contain::runtime
