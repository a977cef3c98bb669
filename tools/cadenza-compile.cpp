// cadenza-compile: one model to one .plan. Reads arguments; the work is in compiler/driver.
#include "compiler/driver/compile.h"
#include "compiler/import/hf/published.h"
#include "compiler/schedule/token_geometry.h"
#include "runtime/support/hub_cache.h"
#include "runtime/support/suggestion.h"
#include "tools/tool.h"

#include "llvm/Support/ErrorHandling.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>

using namespace cadenza;

namespace {

constexpr const char *examples = R"(examples:
  cadenza-compile Qwen3-0.6B/ -o qwen.plan --target=sm_90
  cadenza-compile --model=Qwen3-0.6B --weights=random:1 -o q.plan && cadenza-bench q.plan
  cadenza-compile Qwen3-0.6B/ --quantize=int4 -o qwen-int4.plan
  cadenza-compile Qwen3-0.6B/ --check
  cadenza-compile model.gguf -o model.plan
  cadenza-compile graph.mlir --weights=graph.safetensors -o graph.plan
  cadenza-compile Qwen3-0.6B/ --emit=cuda --target=sm_90 -o model.cu)";

struct Arguments {
  CompileOptions options;
  bool quiet = false;
  std::string passes = "default";
  std::set<std::string> dimsOfSet = {}; // names that the last set of dimensions says itself

  /// NAME=VALUE each, of one --dim.
  void addDims(const std::vector<std::string> &list) {
    auto &sets = options.import.dims;
    const auto nameOf = [](const std::string &item) { return item.substr(0, item.find('=')); };
    const auto isGiven = [&](const std::string &item) { return dimsOfSet.contains(nameOf(item)); };
    if (sets.empty())
      sets.emplace_back();
    else if (std::ranges::any_of(list, isGiven)) {
      sets.push_back(sets.back());
      dimsOfSet.clear();
    }
    for (const std::string &item : list) {
      sets.back()[nameOf(item)] = item.substr(item.find('=') + 1);
      dimsOfSet.insert(nameOf(item));
    }
  }
};

constexpr std::pair<std::string_view, Stage> stages[] = {
    {"nn-generic", Stage::NNGeneric}, {"nn", Stage::NN},     {"step", Stage::Step},
    {"schedule", Stage::Schedule},    {"cuda", Stage::Cuda}, {"ptx", Stage::Ptx},
    {"cubin", Stage::Cubin},          {"plan", Stage::Plan}};

/// "nn, step, ..., plan".
std::string stageNames() {
  std::string names;
  for (const auto &[name, stage] : stages)
    names += (names.empty() ? "" : ", ") + std::string(name);
  return names;
}

std::string parseStage(const std::string &text, Stage &stage) {
  for (const auto &[name, value] : stages) {
    if (name == text) {
      stage = value;
      return "";
    }
  }
  std::vector<std::string> names;
  for (const auto &[name, value] : stages)
    names.emplace_back(name);
  return "there is no stage '" + text + "'; choose from " + stageNames() + didYouMean(text, names);
}

/// "random:SEED" to the seed, "FILE.safetensors" to the file.
std::string parseWeights(const std::string &text, ImportOptions &import) {
  std::optional<uint64_t> &seed = import.randomSeed;
  if (text == "checkpoint")
    return "";
  if (text.ends_with(".safetensors")) {
    import.weightsFile = text;
    return "";
  }
  char *end = nullptr;
  if (text.starts_with("random:") && text.size() > 7 && std::isdigit(text[7])) {
    errno = 0;
    seed = std::strtoull(text.c_str() + 7, &end, 10);
    if (errno == 0 && *end == '\0')
      return "";
  }
  return "'" + text + "' is neither 'checkpoint' nor 'random:SEED' with a whole number, nor a .safetensors file";
}

/// "16,128" to ascending sizes of tiles, "off" to none.
std::string parseTiles(const std::string &text, llvm::SmallVector<int64_t> &tiles) {
  tiles.clear();
  if (text == "off")
    return "";
  llvm::SmallVector<llvm::StringRef> items;
  llvm::StringRef(text).split(items, ',');
  for (llvm::StringRef item : items) {
    int64_t tokens = 0;
    if (item.getAsInteger(10, tokens) || tokens < tokenMultiple() || tokens > maximumTile ||
        tokens % tokenMultiple() != 0)
      return "'" + item.str() + "' is no number of tokens: multiples of " + std::to_string(tokenMultiple()) +
             " up to " + std::to_string(maximumTile) + " are possible, or 'off'";
    tiles.push_back(tokens);
  }
  llvm::sort(tiles);
  tiles.erase(llvm::unique(tiles), tiles.end());
  return "";
}

void declareQuantization(CLI::App &app, CompileOptions &options) {
  auto *group = app.add_option_group("Quantization", "docs/quantization.md");
  group
      ->add_option("--quantize", options.quantize.type,
                   "round the matrices of the layers to int8, int4, fp8 or another encoding (see --encode), each with "
                   "the scales and codes of the least squared error; or 'mixed': an encoding for each matrix, by its "
                   "measured error, within --bits. A report goes to standard error")
      ->type_name("ENCODING|mixed");
  group
      ->add_option("--bits", options.quantize.bits,
                   "of mixed: bits a weight of the layers' matrices, scales included, such as 4.5")
      ->check(CLI::Range(1.0, 16.0))
      ->check([](const std::string &text) { // which a range lets through
        return std::isnan(std::strtod(text.c_str(), nullptr)) ? "'" + text + "' is no number" : std::string();
      });
  group
      ->add_option("--group", options.quantize.group,
                   "columns that share a scale: 32, 64 or 128; default: 128 of int4, a row of int8 and fp8")
      ->check(CLI::IsMember({32, 64, 128}));
  group
      ->add_option("--quantize-head", options.quantize.head,
                   "the encoding of the head, or tiles16 for 16 bits; default: int8, which loses nothing that shows")
      ->type_name("ENCODING");
  addRepeatable(*group, "--keep", options.quantize.keep,
                "leave matrices at 16 bits: a pattern ('*', '?') of parts of names, of the model's roles or of the "
                "checkpoint's tensors, such as mlp.down, layers.0, v_proj; may be repeated");
  group->add_option("--quantize-report", options.quantizeReport,
                    "write the bits and the relative error of each matrix to this JSON file");
}

void declareOptions(CLI::App &app, Arguments &args) {
  args.options.pipeline.tiles = {16, 128, 512, 2048};
  app.footer(examples);
  app.add_option("directory", args.options.import.directory,
                 "Hugging Face directory: config.json, *.safetensors, tokenizer.json; or OWNER/NAME of a model in the "
                 "cache of the Hugging Face hub; or a .gguf file; or an .onnx file, or the directory of one; or a "
                 "graph, an .mlir file of nn ops");
  app.add_option("--model", args.options.import.publishedName,
                 "instead of a directory, a published configuration (needs --weights=random:SEED): " +
                     publishedNames());
  app.add_option_function<std::string>(
         "--weights",
         [&args](const std::string &text) {
           if (std::string error = parseWeights(text, args.options.import); !error.empty())
             throw CLI::ValidationError("--weights", error);
         },
         "'checkpoint' (default), or 'random:SEED' to make weights up: for measuring speed; for an .mlir file, "
         "'FILE.safetensors' or 'random:SEED'")
      ->type_name("SOURCE");
  app.add_option_function<std::vector<std::string>>(
         "--dim",
         [&args](const std::vector<std::string> &list) {
           std::set<std::string> given;
           for (const std::string &item : list) {
             const size_t equals = item.find('=');
             if (equals == 0 || equals >= item.size() - 1)
               throw CLI::ValidationError("--dim", "'" + item + "' is not NAME=VALUE");
             if (!given.insert(item.substr(0, equals)).second)
               throw CLI::ValidationError("--dim", "'" + item.substr(0, equals) + "' is given twice");
           }
           args.addDims(list);
         },
         "what dimensions that an .onnx file leaves open are: batch=1,sequence=128; or by other ones: "
         "total=past+1; may be repeated. A name that comes again begins another set, which is an entry of its own in "
         "the "
         "plan of a graph; of names that it leaves out it keeps what the set before says")
      ->trigger_on_parse()
      ->delimiter(',')
      ->type_name("NAME=VALUE,...");
  app.add_option("--dtype", args.options.import.dtype,
                 "f16 or bf16: what a graph of an .onnx file that is no decoder computes in where the file has f32; "
                 "what all matrices of a .gguf file become (default: f16 if most of its bytes are, else bf16)")
      ->check(CLI::IsMember({"f16", "bf16"}));
  app.add_option("--pre-tokenizer", args.options.import.preTokenizer,
                 "of a .gguf file: how text is cut into words, instead of what its tokenizer.ggml.pre says "
                 "(docs/gguf.md)");
  const auto isEncoding = [](const std::string &name) {
    const std::optional<Encoding> encoding = encodingNamed(name);
    return encoding && format_of(*encoding).matrix()
               ? std::string()
               : "'" + name + "' is no encoding of matrices; there are " + std::string(matrixEncodingSyntax());
  };
  app.add_option(
         "--encode", args.options.pipeline.encoding,
         "how the matrices of products are stored; the weights are rounded to it. The embedding stays tiles16. " +
             std::string(matrixEncodingSyntax()) +
             ". stored: as the checkpoint has them, those in codes in an encoding that holds these exactly")
      ->type_name("ENCODING|stored")
      ->check([isEncoding](const std::string &name) { return name == "stored" ? std::string() : isEncoding(name); });
  app.add_option("--encode-head", args.options.pipeline.headEncoding,
                 "the same for the head alone; default: what --encode says")
      ->type_name("ENCODING")
      ->check(isEncoding);
  declareQuantization(app, args.options);
  app.add_option("-o,--output", args.options.output, "where to write; text stages write to standard output without it");
  app.add_option(
      "--target", args.options.targets,
      "GPUs to compile for, separated by commas: sm_80 sm_86 sm_89 sm_90 sm_100 sm_120, compute_80 compute_90 "
      "(PTX), all, host (the emulation), cpu (no GPU code; the others run on the CPU, too); default: the GPU of this "
      "machine");
  app.add_option_function<std::string>(
         "--emit",
         [&args](const std::string &text) {
           if (std::string error = parseStage(text, args.options.emit); !error.empty())
             throw CLI::ValidationError("--emit", error);
         },
         "stop at a stage and write what it has: " + stageNames())
      ->type_name("STAGE");
  app.add_option_function<std::string>(
         "--schedule",
         [&args](const std::string &name) {
           args.options.schedules = name == "launch"       ? Schedules::Launch
                                    : name == "graph"      ? Schedules::Graph
                                    : name == "persistent" ? Schedules::Persistent
                                                           : Schedules::All;
         },
         "'auto' (default): every schedule that fits the model and the targets; 'launch' or 'graph': a kernel a phase; "
         "'persistent': whole steps in one kernel, too, or an error")
      ->check(CLI::IsMember({"auto", "launch", "graph", "persistent"}));
  app.add_option(
         "--sms", args.options.multiprocessors,
         "multiprocessors that the persistent schedule divides the work over; default: one division or more by target "
         "(docs/gpus.md)")
      ->check(CLI::Range(1, 1024));
  app.add_option(
         "--subgroups", args.options.subgroups,
         "into how many groups of blocks the persistent schedule divides the query heads of a KV head; default: "
         "what costs least (docs/persistent.md)")
      ->check(CLI::Range(1, 1024));
  app.add_option("--share-context-from", args.options.shareContextFrom,
                 "from so many positions on, groups of blocks with the same KV head share them in the persistent "
                 "schedule; default: what costs least (docs/persistent.md)")
      ->check(CLI::Range(1, 1 << 30));
  app.add_flag(
      "!--no-clusters", args.options.clusters,
      "no thread block clusters, as for a GPU that has none (before sm_90): blocks of a group of the persistent "
      "schedule exchange values through global memory, products of a graph are not divided over blocks; slower");
  app.add_flag("--traced", args.options.traced,
               "an instrumented persistent kernel, for cadenza-bench --trace; slower (docs/persistent.md)");
  app.add_option_function<std::string>(
         "--prefill",
         [&args](const std::string &text) {
           if (std::string error = parseTiles(text, args.options.pipeline.tiles); !error.empty())
             throw CLI::ValidationError("--prefill", error);
         },
         "tokens of a prompt that the plan can read at once, sizes separated by commas, multiples of 16 (default "
         "16,128,512,2048); 'off': a prompt is read token by token")
      ->type_name("T,...");
  app.add_flag_function(
      "--wgmma,!--no-wgmma", [&args](int64_t count) { args.options.wgmma = count > 0; },
      "tiles of tokens use the tensor unit of sm_90 where that is expected to be faster; default: on sm_90, but not in "
      "the emulation, where it is slow");
  app.add_flag("--check", args.options.check,
               "list everything in the model that is wrong or unsupported; nothing is written");
  app.add_flag("--strict", args.options.import.strict, "warnings (non-finite weights, say) are errors");
  app.add_option("--passes", args.passes, "'default', or 'none' for the unfused program: one op, one kernel")
      ->check(CLI::IsMember({"default", "none"}));
  addRepeatable(app, "--disable-pass", args.options.pipeline.disabled, "leave out a pass by name; may be repeated");
  addRepeatable(app, "--print-ir-after", args.options.printIrAfter,
                "print the IR after a pass to standard error; may be repeated");
  app.add_option("--crash-reproducer", args.options.crashReproducer,
                 "on a crash in a pass, write IR and pipeline to this file for cadenza-opt --run-reproducer");
  app.add_flag("--stats", args.options.stats, "print ops before and after, phases a layer, kernels a token");
  app.add_option("--stats-json", args.options.statsJson, "the same as JSON, to a file");
  app.add_option("--override-source", args.options.overrideSource,
                 "compile edited kernels from a folder that cadenza-inspect --extract wrote");
  app.add_flag("--embed-ir", args.options.embedIr, "put the step IR into the plan");
  app.add_option("--threads", args.options.threads, "threads for packing and compiling; default: one a core")
      ->check(CLI::Range(0, 4096));
  app.add_flag("-q,--quiet", args.quiet, "no progress on standard error");
}

/// "Qwen/Qwen3-0.6B", where no such path exists, is the model in the cache of the Hugging Face hub.
Status resolveHubName(std::string &directory) {
  std::error_code error;
  if (directory.empty() || !isHubName(directory) || std::filesystem::exists(directory, error))
    return Status::ok();
  if (StatusOr<std::string> snapshot = findInHubCache(directory); snapshot.isOk())
    directory = std::move(*snapshot);
  else if (const auto owner = std::filesystem::path(directory).parent_path();
           !owner.empty() && !std::filesystem::exists(owner, error))
    return snapshot.status();
  return Status::ok(); // without an owner: whatever reads it says that there is no such file
}

Status run(Arguments &args) {
  CompileOptions &options = args.options;
  options.pipeline.none = args.passes == "none";
  if (options.import.directory.empty() == options.import.publishedName.empty())
    return {StatusCode::InvalidArgument, "give either a model directory or --model=NAME; --help says more"};
  CADENZA_RETURN_IF_ERROR(resolveHubName(options.import.directory));
  Progress progress(args.quiet || options.check);
  return compileModel(options, progress);
}

} // namespace

int main(int argc, char **argv) {
  // LLVM's containers would abort.
  llvm::install_bad_alloc_error_handler([](void *, const char *, bool) { throw std::bad_alloc(); });
  Arguments args;
  return runTool(
      "cadenza-compile", "Compiles a language model into a plan for batch-1 decoding on one GPU.", argc, argv,
      [&](CLI::App &app) { declareOptions(app, args); }, [&] { return run(args); });
}
