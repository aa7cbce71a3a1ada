// Values that may have one of several shapes, each a C++ type: words, maps told apart by a key, or plain values.
//
//   using Image = std::variant<DefaultImage, KernelImage, RootImage>;
//   void describe(Union<Image>& shapes) {
//     shapes.word<DefaultImage>("default", "Debian's cloud kernel with Snaphammer's agent");
//     shapes.map<KernelImage>("kernel");              // {kernel: PATH, initramfs: PATH}
//     shapes.map<RootImage>("root");                  // {root: DIR}
//     shapes.value<ByteCount, SizeCodec>();           // any other scalar
//   }
//
// The first default-constructed alternative of the variant is the default.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "harness/scenario/fields.h"

namespace snaphammer::scenario {

/// One shape of a union, without its C++ type.
struct Shape {
  std::string word;  ///< Matches this scalar,
  std::string key;   ///< or a map with this key; neither: any other scalar.
  TypeInfo type;
};

/// The index of the shape that `node` has; an error listing the shapes when there is none.
std::optional<std::size_t> match_shape(Reader& reader, const Node& node, const std::vector<Shape>& shapes);
TypeInfo union_info(const std::vector<Shape>& shapes);

template <class V>
class Union {
 public:
  template <class T>
  void word(std::string word, std::string meaning) {
    Shape shape{word, {}, {}};
    shape.type.choices = {{word, std::move(meaning), {}}};
    add<T>(
        std::move(shape), [](Reader&, const Node&, T&) { return true; },
        [word](const T&) { return nlohmann::json(word); });
  }
  template <class T>
  void map(std::string key) {
    add<T>({{}, std::move(key), Codec<T>::info()}, Codec<T>::read, Codec<T>::write);
  }
  template <class T, class C = Codec<T>>
  void value() {
    add<T>({{}, {}, C::info()}, C::read, C::write);
  }

  bool read(Reader& reader, const Node& node, V& value) const {
    const auto index = match_shape(reader, node, shapes_);
    return index && reads_[*index](reader, node, value);
  }
  nlohmann::json write(const V& value) const {
    for (const auto& write : writes_) {
      if (nlohmann::json json = write(value); !json.is_null()) return json;
    }
    return {};
  }
  TypeInfo info() const { return union_info(shapes_); }

  static const Union& of() {
    static const Union shapes = [] {
      Union built;
      describe(built);
      return built;
    }();
    return shapes;
  }

 private:
  template <class T>
  void add(Shape shape, std::function<bool(Reader&, const Node&, T&)> read,
           std::function<nlohmann::json(const T&)> write) {
    shapes_.push_back(std::move(shape));
    reads_.push_back([read = std::move(read)](Reader& reader, const Node& node, V& value) {
      return read(reader, node, value.template emplace<T>());
    });
    writes_.push_back([write = std::move(write)](const V& value) {
      const T* held = std::get_if<T>(&value);
      return held ? write(*held) : nlohmann::json();
    });
  }

  std::vector<Shape> shapes_;
  std::vector<std::function<bool(Reader&, const Node&, V&)>> reads_;
  std::vector<std::function<nlohmann::json(const V&)>> writes_;
};

template <class... T>
struct Codec<std::variant<T...>> {
  using V = std::variant<T...>;
  static bool read(Reader& reader, const Node& node, V& value) { return Union<V>::of().read(reader, node, value); }
  static nlohmann::json write(const V& value) { return Union<V>::of().write(value); }
  static TypeInfo info() { return Union<V>::of().info(); }
};

}  // namespace snaphammer::scenario
