// expect: tutti: a raw pointer or reference means nothing in another process
#include <tutti/boost.hpp>
class net {
  friend class boost::serialization::access;
  template <class Archive>
  void serialize(Archive& ar, unsigned int) {
    ar& weight_;
  }
  float* weight_ = nullptr;
};
int main() { static_cast<void>(tutti::encode(net())); }
