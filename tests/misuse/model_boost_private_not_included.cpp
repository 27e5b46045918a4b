// expect: tutti: this type has a Boost serialize(); include <tutti/boost.hpp> to use it.
#include <tutti/model/archive.hpp>
namespace boost::serialization {
class access;
}
class net {
  friend class boost::serialization::access;
  template <class Archive>
  void serialize(Archive& ar, unsigned int) {
    ar& weight_;
  }
  float weight_ = 0;
};
int main() { static_cast<void>(tutti::encode(net())); }
