// expect: tutti: a view (std::string_view, std::span, std::reference_wrapper) owns nothing
#include <span>
#include <string_view>
#include <tutti/model/archive.hpp>
struct message {
  std::span<float> field;
};
int main() { static_cast<void>(tutti::encode(message{})); }
