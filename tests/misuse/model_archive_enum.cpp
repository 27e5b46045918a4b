// expect: tutti: an enumeration needs a fixed underlying type
#include <span>
#include <string_view>
#include <tutti/model/archive.hpp>
enum color { red, green };
struct message {
  color field = red;
};
int main() { static_cast<void>(tutti::encode(message{})); }
