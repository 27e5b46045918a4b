// SPDX-License-Identifier: BSL-1.0
#include <tutti/boost.hpp>

#include <doctest/doctest.h>
#include <boost/serialization/map.hpp>
#include <boost/serialization/set.hpp>
#include <boost/serialization/split_member.hpp>
#include <boost/serialization/unordered_map.hpp>
#include <boost/serialization/vector.hpp>
#include <tutti/model/signature.hpp>

#include <map>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace {

using boost::serialization::make_nvp;
using text = std::vector<std::string>;

class layer {
 public:
  layer() = default;
  explicit layer(float w) : w_(3, w) {}
  float weight() const { return w_.at(0); }

 private:
  friend class boost::serialization::access;
  template <class Archive>
  void serialize(Archive& ar, unsigned int) {
    ar& make_nvp("weight", w_);
    ar& make_nvp("bias", b_);
  }
  std::vector<float> w_;
  double b_[2] = {1, 2};
};

class base {
 protected:
  int k_ = 3;

 private:
  friend class boost::serialization::access;
  template <class Archive>
  void serialize(Archive& ar, unsigned int) {
    ar& make_nvp("k", k_);
  }
};

class split : base {
 public:
  std::vector<layer> layers;
  std::map<std::string, layer> named;
  std::unordered_map<int, float> hashed;
  std::string title;

 private:
  friend class boost::serialization::access;
  template <class Archive>
  void save(Archive& ar, unsigned int) const {
    ar << make_nvp("base", boost::serialization::base_object<base>(*this));
    ar << make_nvp("layers", layers) << named << title << hashed;
  }
  template <class Archive>
  void load(Archive& ar, unsigned int) {
    ar >> make_nvp("base", boost::serialization::base_object<base>(*this));
    ar >> make_nvp("layers", layers) >> named >> title >> hashed;
  }
  BOOST_SERIALIZATION_SPLIT_MEMBER()
};

struct beside {
  float z = 1;
};
template <class Archive>
void serialize(Archive& ar, beside& m, unsigned int) {
  ar& make_nvp("renamed", m.z);
}

struct counted {
  std::vector<float> v;
  template <class Archive>
  void serialize(Archive& ar, unsigned int) {
    std::size_t n = v.size();
    ar& n;
    v.resize(n);
    for (float& x : v) ar& x;
  }
};

struct in_boost {
  float z = 1;
};
struct plain {
  float z = 1;
};

template <class M>
text names(M const& m) {
  text all;
  for (auto const& t : tutti::signature_of(m).tensors) all.push_back(t.name);
  return all;
}

}  // namespace

namespace boost::serialization {
template <class Archive>
void serialize(Archive& ar, in_boost& m, unsigned int const) {
  ar& make_nvp("foreign", m.z);
}
}  // namespace boost::serialization

TEST_CASE("names come from NVPs, keys and positions; bases and split serialisation are entered") {
  split m;
  m.layers.resize(2);
  m.named["q"];
  m.hashed[7] = 1;
  CHECK(names(m) == text{"base.k", "layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias", "2.q.weight",
                         "2.q.bias", "4.7"});
}

TEST_CASE("serialize is found as a member, beside the type, and in Boost's namespace") {
  CHECK(names(beside{}) == text{"renamed"});
  CHECK(names(in_boost{}) == text{"foreign"});
  CHECK(names(plain{}) == text{"z"});
  CHECK(tutti::detail::tier_of<plain>() == tutti::tier::aggregate);
  CHECK_FALSE(tutti::model<std::mutex>);
}

TEST_CASE("an object behind Boost's serialize arrives whole") {
  split m;
  m.layers = {layer(5), layer(6)};
  m.named.emplace("q", layer(7));
  m.hashed[7] = 8;
  m.title = "t";
  split back;
  back.layers.resize(5);
  tutti::decode(tutti::encode(m), back);
  REQUIRE(back.layers.size() == 2);
  CHECK(back.layers[1].weight() == 6.0F);
  CHECK(back.named.at("q").weight() == 7.0F);
  CHECK(back.hashed.at(7) == 8.0F);
  CHECK(back.title == "t");
  counted c;
  tutti::decode(tutti::encode(counted{{1, 2}}), c);
  CHECK(c.v == std::vector<float>{1, 2});
}

TEST_CASE("a serialize that hands out temporaries is a message, but no model") {
  counted m{{1, 2}};
  CHECK_THROWS_WITH_AS(tutti::for_each_tensor(m, [](auto) {}), doctest::Contains("temporary"), tutti::error);
}
