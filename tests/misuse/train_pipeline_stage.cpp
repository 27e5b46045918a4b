// expect: a stage of a pipeline has forward(in, microbatch) and backward(gout, microbatch)
#include <vector>

#include <tutti/train/pipeline.hpp>

struct forgets_microbatch {
  std::vector<float> forward(std::vector<float> in) { return in; }
  std::vector<float> backward(std::vector<float> gout) { return gout; }
};

void step(tutti::pipeline<>& pipe, std::vector<forgets_microbatch>& stages) { pipe.run(stages); }
int main() {}
