// expect: tutti: a view (std::string_view, std::span, std::reference_wrapper) owns nothing that could be sent
#include <string_view>
#include <vector>

#include <tutti/collective/allgather.hpp>

void gathers(tutti::communicator& world, std::vector<std::string_view> const& mine) { (void)allgather(world, mine); }
int main() {}
