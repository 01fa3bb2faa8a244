#include "device.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <torch/version.h>
#ifdef SF_CUDA
#include <ATen/cuda/CUDAContext.h>
#include <c10/cuda/CUDAFunctions.h>
#endif

#include <stdexcept>
#include <string>

#include "families.h"

namespace sf {
namespace {

at::Device current_device = at::kCPU;
Precision current_precision = Precision::FP32;
bool is_deterministic = false;

Precision precision_of(const std::string& name) {
  if (name == "fp32") return Precision::FP32;
  if (name == "tf32") return Precision::TF32;
  if (name == "bf16") return Precision::BF16;
  throw std::invalid_argument("there is no precision " + name);
}

// GPUs that this build can use.
int64_t gpu_count() {
#ifdef SF_CUDA
  return c10::cuda::device_count();
#else
  return 0;
#endif
}

// gpu: -1 for the CPU. threads: 0 leaves ATen's own choice.
void configure(int64_t gpu, int64_t threads, const std::string& precision_name, bool deterministic_results) {
  if (gpu >= gpu_count()) {
    throw std::invalid_argument("there is no GPU " + std::to_string(gpu) + "; this build sees " +
                                std::to_string(gpu_count()));
  }
  current_precision = precision_of(precision_name);
  is_deterministic = deterministic_results;
  auto& context = at::globalContext();
  context.setDeterministicAlgorithms(deterministic_results, /*warn_only=*/false);
  if (threads > 0) at::set_num_threads(static_cast<int>(threads));
  current_device = gpu < 0 ? at::Device(at::kCPU) : at::Device(at::kCUDA, static_cast<at::DeviceIndex>(gpu));
  if (gpu < 0) return;
#ifdef SF_CUDA
  c10::cuda::set_device(static_cast<c10::DeviceIndex>(gpu));
#endif
  const bool tf32 = current_precision == Precision::TF32;
  context.setAllowTF32CuDNN(tf32);
  context.setAllowTF32CuBLAS(tf32);
  context.setDeterministicCuDNN(deterministic_results);
  context.setBenchmarkCuDNN(!deterministic_results);
}

// Waits for the GPU; nothing to wait for on the CPU.
void synchronize() {
#ifdef SF_CUDA
  if (current_device.is_cuda()) at::cuda::getCurrentCUDAStream().synchronize();
#endif
}

Napi::Value describe(const Napi::CallbackInfo& info) {
  auto facts = Napi::Object::New(info.Env());
  facts.Set("compiledWith", TORCH_VERSION);
  facts.Set("configuration", at::show_config());
  facts.Set("threads", at::get_num_threads());
#ifdef SF_CUDA
  facts.Set("cuda", true);
#else
  facts.Set("cuda", false);
#endif
  auto gpus = Napi::Array::New(info.Env());
#ifdef SF_CUDA
  for (int64_t i = 0; i < gpu_count(); i++) {
    const auto* properties = at::cuda::getDeviceProperties(static_cast<c10::DeviceIndex>(i));
    auto gpu = Napi::Object::New(info.Env());
    gpu.Set("name", std::string(properties->name));
    gpu.Set("memoryBytes", static_cast<double>(properties->totalGlobalMem));
    gpus.Set(static_cast<uint32_t>(i), gpu);
  }
#endif
  facts.Set("gpus", gpus);
  return facts;
}

}  // namespace

at::Device device() { return current_device; }
Precision precision() { return current_precision; }
bool deterministic() { return is_deterministic; }

void export_device(Exports& exports) {
  exports.add("configure", &configure);
  exports.add("synchronize", &synchronize);
  exports.add_raw("describe", &describe);
}

}  // namespace sf
