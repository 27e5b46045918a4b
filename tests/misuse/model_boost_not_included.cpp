// expect: tutti: this type has a Boost serialize(); include <tutti/boost.hpp> to use it.
#include <tutti/model/visit.hpp>
class net {
 public:
  template <class Archive>
  void serialize(Archive& ar, unsigned int) {
    ar& weight_;
  }

 private:
  float weight_ = 0;
};
int main() {
  net m;
  tutti::for_each_tensor(m, [](auto) {});
}
