// Sums of products in Einstein's notation, of one or two tensors: 'ij,jk->ik'. A contraction is a matrix
// product in batches: [labels of both that stay, those of a alone, summed ones] times
// [..., summed ones, those of b alone].
#include <ATen/ops/bmm.h>
#include <ATen/ops/einsum.h>

#include <string>

#include "convert.h"
#include "families.h"
#include "gemm.h"

namespace sf {
namespace {

bool has(const std::string& labels, char label) { return labels.find(label) != std::string::npos; }

struct Term {
  at::Tensor x;
  std::string labels;  // one a dimension of x

  // Sums over the labels that are not among `wanted`.
  void keep(const std::string& wanted) {
    std::vector<int64_t> axes;
    std::string kept;
    for (size_t i = 0; i < labels.size(); ++i) {
      if (has(wanted, labels[i])) {
        kept += labels[i];
      } else {
        axes.push_back(static_cast<int64_t>(i));
      }
    }
    if (!axes.empty()) x = x.sum(axes);
    labels = kept;
  }

  at::Tensor in_order(const std::string& order) const {
    std::vector<int64_t> axes;
    for (const char label : order) axes.push_back(static_cast<int64_t>(labels.find(label)));
    return x.permute(axes);
  }

  int64_t size(const std::string& of) const {
    int64_t product = 1;
    for (const char label : of) product *= x.size(static_cast<int64_t>(labels.find(label)));
    return product;
  }
};

at::Tensor product(const at::Tensor& a, const at::Tensor& b) {
  return a.device().is_cpu() ? matrix_product(a, b, false, false) : at::bmm(a, b);
}

// The labels of the result are those of both, of a alone, of b alone.
Term contract(Term a, Term b, const std::string& output) {
  a.keep(b.labels + output);
  b.keep(a.labels + output);
  std::string both, summed, of_a, of_b;
  for (const char label : a.labels) {
    auto& group = !has(b.labels, label) ? of_a : has(output, label) ? both : summed;
    group += label;
  }
  for (const char label : b.labels) {
    if (!has(a.labels, label)) of_b += label;
  }
  const int64_t batch = a.size(both), rows = a.size(of_a), depth = a.size(summed), columns = b.size(of_b);
  std::vector<int64_t> shape;
  for (const char label : both + of_a) shape.push_back(a.x.size(static_cast<int64_t>(a.labels.find(label))));
  for (const char label : of_b) shape.push_back(b.x.size(static_cast<int64_t>(b.labels.find(label))));
  const auto left = a.in_order(both + of_a + summed).reshape({batch, rows, depth}).contiguous();
  const auto right = b.in_order(both + summed + of_b).reshape({batch, depth, columns}).contiguous();
  return {product(left, right).view(shape), both + of_a + of_b};
}

// inputs: the labels of each tensor, different ones within a tensor; output: those of the result.
at::Tensor einsum(const std::vector<at::Tensor>& tensors, const std::vector<std::string>& inputs,
                  const std::string& output) {
  if (tensors[0].scalar_type() != at::kFloat) {
    std::vector<at::Tensor> exact;
    std::string equation;
    for (size_t i = 0; i < tensors.size(); ++i) {
      exact.push_back(tensors[i].to(at::kDouble));
      equation += (i > 0 ? "," : "") + inputs[i];
    }
    return converted(at::einsum(equation + "->" + output, exact), tensors[0].scalar_type());
  }
  Term result{tensors[0], inputs[0]};
  if (tensors.size() == 1) {
    result.keep(output);
  } else {
    result = contract(result, {tensors[1], inputs[1]}, output);
  }
  return result.in_order(output);
}

}  // namespace

void export_einsum(Exports& exports) { exports.add("einsum", &einsum); }

}  // namespace sf
