// SPDX-License-Identifier: BSL-1.0
// Images with labels: Fashion-MNIST from its four idx files, or a generated set of the same shape.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <tutti/zlib.hpp>
#include <utility>
#include <vector>

namespace fashion_mnist {

inline constexpr std::size_t side = 28;
inline constexpr std::size_t pixels = side * side;
inline constexpr std::size_t classes = 10;

/// A small generator whose numbers are the same on every platform (splitmix64, Steele, Lea and Flood 2014).
class random_source {
 public:
  explicit random_source(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31U);
  }
  /// In [low, high).
  double uniform(double low, double high) {
    return low + (high - low) * (static_cast<double>(next() >> 11U) * 0x1p-53);
  }

 private:
  std::uint64_t state_;
};

using picture = std::array<std::uint8_t, pixels>;  ///< row by row, 0 is black

struct image_set {
  std::vector<picture> images;
  std::vector<std::uint8_t> labels;  ///< 0 … 9
  [[nodiscard]] std::size_t size() const { return labels.size(); }
  [[nodiscard]] std::uint8_t const* image(std::size_t i) const { return images[i].data(); }
};

struct dataset {
  image_set train;
  image_set test;
};

/// `<directory>/<stem>-images-idx3-ubyte.gz` and its labels. Throws std::runtime_error with one sentence if a file is
/// unusable or the two do not fit together.
[[nodiscard]] inline image_set read_image_set(std::string const& directory, std::string const& stem) {
  std::string const images_path = directory + "/" + stem + "-images-idx3-ubyte.gz";
  std::string const labels_path = directory + "/" + stem + "-labels-idx1-ubyte.gz";
  tutti::idx_gz_source<picture> images(images_path);
  tutti::idx_gz_source<std::uint8_t> labels(labels_path);
  if (images.shape() != std::vector<std::uint32_t>{images.shape()[0], side, side}) {
    throw std::runtime_error(images_path + " does not hold images of 28 x 28 pixels");
  }
  if (images.size() != labels.size() || images.size() == 0) {
    throw std::runtime_error(images_path + " holds " + std::to_string(images.size()) + " images, but " + labels_path +
                             " holds " + std::to_string(labels.size()) + " labels");
  }
  image_set set{std::move(images).take(), std::move(labels).take()};
  if (std::any_of(set.labels.begin(), set.labels.end(), [](std::uint8_t v) { return v >= classes; })) {
    throw std::runtime_error(labels_path + " holds a label above 9");
  }
  return set;
}

/// Ten shapes, each a handful of soft spots; a sample is its class's shape, moved by up to 2 pixels, faded, and noisy.
[[nodiscard]] inline image_set generate_image_set(std::size_t size, std::uint64_t seed) {
  std::vector<std::vector<double>> shapes(classes, std::vector<double>(pixels));
  random_source shape_source(20231);  // the same ten shapes for training and test
  for (auto& shape : shapes) {
    for (int spot = 0; spot < 6; ++spot) {
      double const cx = shape_source.uniform(6, 22), cy = shape_source.uniform(6, 22), r = shape_source.uniform(2, 4);
      for (std::size_t p = 0; p < pixels; ++p) {
        double const dx = static_cast<double>(p % side) - cx, dy = static_cast<double>(p / side) - cy;
        shape[p] += 160 * std::exp(-(dx * dx + dy * dy) / (2 * r * r));
      }
    }
  }
  random_source source(seed);
  image_set set{std::vector<picture>(size), std::vector<std::uint8_t>(size)};
  for (std::size_t i = 0; i < size; ++i) {
    std::size_t const label = source.next() % classes;
    std::size_t const move_x = source.next() % 5, move_y = source.next() % 5;
    double const fade = source.uniform(0.5, 1.0);
    set.labels[i] = static_cast<std::uint8_t>(label);
    for (std::size_t p = 0; p < pixels; ++p) {
      std::size_t const x = (p % side + move_x + side - 2) % side, y = (p / side + move_y + side - 2) % side;
      double const value = fade * shapes[label][y * side + x] + source.uniform(-60, 60);
      set.images[i][p] = static_cast<std::uint8_t>(std::clamp(value, 0.0, 255.0));
    }
  }
  return set;
}

[[nodiscard]] inline dataset generate_dataset() { return {generate_image_set(60000, 1), generate_image_set(10000, 2)}; }

/// Throws std::runtime_error when the directory is missing or a file in it is unusable.
[[nodiscard]] inline dataset read_dataset(std::string const& directory) {
  if (!std::filesystem::is_directory(directory)) {
    throw std::runtime_error("the data directory " + directory + " does not exist");
  }
  return {read_image_set(directory, "train"), read_image_set(directory, "t10k")};
}

}  // namespace fashion_mnist
