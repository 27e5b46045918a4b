// expect: tutti: a raw pointer or reference means nothing in another process
#include <span>
#include <string_view>
#include <tutti/model/archive.hpp>
struct message {
  float* field = nullptr;
};
int main() { static_cast<void>(tutti::encode(message{})); }
