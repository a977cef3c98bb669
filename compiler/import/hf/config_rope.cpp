#include "compiler/import/hf/config_parts.h"
#include "compiler/import/text.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>

namespace cadenza {
namespace {

constexpr double maxTheta = 1e15;

/// What config.json says of RoPE. transformers 5 writes it to rope_parameters, transformers 4 to rope_scaling and
/// fields beside it; files that were edited or converted have several of them. They are read as one object, `type` as
/// `rope_type`, in which each field may be said in several places if they agree.
class RopeFields {
public:
  explicit RopeFields(ConfigReader &reader) : reader_(reader) {}
  /// Of the object `name`, which is in the file or in `parent`, an object of the file.
  void addObject(ConfigReader &in, const std::string &name, const std::string &parent = "") {
    in.object(name); // a finding if it is none
    const nlohmann::json &object = in.raw(name);
    if (!object.is_object())
      return;
    if (object_.empty())
      name_ = parent + name;
    for (const auto &[field, value] : object.items()) {
      if (!value.is_null())
        add(field == "type" ? "rope_type" : field, parent + name + "." + escaped(field, 80), value);
    }
  }
  /// For what Phi-3 and others keep beside the object.
  void addBeside(std::string_view name) {
    if (reader_.has(name))
      add(std::string(name), std::string(name), reader_.raw(name));
  }
  /// The same of a field that the class writes into every file, `usual` if it was not told: the object's own counts
  /// more.
  void addBesideUnlessUsual(std::string_view name, double usual) {
    const auto entry = object_.find(name);
    const bool differs = reader_.has(name) && entry != object_.end() && *entry != reader_.raw(name);
    if (!differs || reader_.raw(name) != usual)
      return addBeside(name);
    reader_.findings().notice(reader_.where(name) + " " + reader_.raw(name).dump() +
                              " was ignored: it is the default, and " + reader_.pathOf(places_[std::string(name)]) +
                              " says otherwise");
  }
  /// A number in (0, maximum] that is beside the object under another name; if it is wrong, that is what messages say.
  void addRenamed(std::string_view name, const char *field, double maximum) {
    if (name != field && reader_.has(name) && reader_.number(name, 0, maximum))
      add(field, std::string(name), reader_.raw(name));
  }
  /// What the family's class has, if the file says nothing.
  void addDefault(std::string_view object) {
    if (!object_.empty() || object.empty())
      return;
    object_ = nlohmann::json::parse(object);
    for (const auto &[field, value] : object_.items())
      places_[field] = name_ + "." + field;
    reader_.addDefault(name_, std::string(object));
  }
  const nlohmann::json &object() const { return object_; }
  /// Of the object, which this outlives.
  ConfigReader read() const {
    ConfigReader fields = reader_.nested(name_, object_);
    std::map<std::string, std::string, std::less<>> places;
    for (const auto &[field, place] : places_)
      places[field] = reader_.pathOf(place);
    fields.setPlaces(std::move(places));
    return fields;
  }

private:
  /// `place` is the field's name in the file.
  void add(const std::string &field, const std::string &place, const nlohmann::json &value) {
    auto [entry, inserted] = object_.emplace(field, value);
    if (inserted)
      places_[field] = place;
    else if (*entry != value)
      reader_.findings().invalid(reader_.where(place) + " differs from " + reader_.pathOf(places_[field]));
  }

  ConfigReader &reader_;
  std::string name_ = "rope_parameters";
  nlohmann::json object_ = nlohmann::json::object();
  std::map<std::string, std::string, std::less<>> places_; // "rope_scaling.factor" by field
};

// Of anything that scales. Below, frequencies that are divided by a factor would be no 32-bit floats.
constexpr double minFactor = 1e-6, maxFactor = 1e6;

/// The longest text that the frequencies were made for. Where config.json does not say, it is the longest text.
int64_t readOriginalMaxPositions(ConfigReader &fields, const DecoderDefaults &defaults, int64_t longest) {
  return fields
      .integerOr("original_max_position_embeddings", 1, maxTextPositions,
                 defaults.originalMaxPositions.value_or(longest))
      .value_or(1);
}

void readLlama3Scaling(ConfigReader &fields, RopeParameters &rope) {
  rope.type = RopeParameters::Type::Llama3;
  rope.factor = fields.requiredNumber("factor", minFactor, maxFactor).value_or(1);
  auto low = fields.requiredNumber("low_freq_factor", 0, maxFactor);
  auto high = fields.requiredNumber("high_freq_factor", 0, maxFactor);
  if (low && high && *low >= *high)
    fields.findings().invalid(fields.where("low_freq_factor") + " is not below high_freq_factor");
  rope.lowFrequencyFactor = low.value_or(1);
  rope.highFrequencyFactor = high.value_or(4);
}

/// A factor that is not by how much the text has become longer is taken all the same, as transformers does.
void noteFactor(ConfigReader &fields, double factor, const RopeParameters &rope, int64_t longest) {
  const double longer = static_cast<double>(longest) / static_cast<double>(rope.originalMaxPositions);
  if (factor == longer || longer == 1)
    return;
  fields.findings().notice(fields.where("factor") + " " + fields.raw("factor").dump() +
                           " is taken, and not max_position_embeddings / original_max_position_embeddings, " +
                           std::to_string(longest) + " / " + std::to_string(rope.originalMaxPositions));
}

void readYarnScaling(ConfigReader &fields, int64_t longest, RopeParameters &rope) {
  rope.type = RopeParameters::Type::Yarn;
  const auto factor = fields.requiredNumber("factor", minFactor, maxFactor);
  rope.factor = factor.value_or(1);
  if (factor)
    noteFactor(fields, *factor, rope, longest);
  rope.betaFast = fields.number("beta_fast", 0, maxFactor).value_or(rope.betaFast);
  rope.betaSlow = fields.number("beta_slow", 0, maxFactor).value_or(rope.betaSlow);
  if (rope.betaFast < rope.betaSlow)
    fields.findings().invalid(fields.where("beta_fast") + " is below beta_slow");
  rope.truncate = fields.boolean("truncate").value_or(true);
  if (rope.theta <= 1)
    fields.findings().invalid(fields.where("rope_type") + " 'yarn' needs a rope_theta above 1");
  // How much attention is sharpened for texts of `factor` times the length.
  const auto sharpened = [&](double scale) {
    return rope.factor <= 1 ? 1.0 : 0.1 * scale * std::log(rope.factor) + 1.0;
  };
  const auto scale = fields.numberUnlessZero("mscale", maxFactor),
             allDim = fields.numberUnlessZero("mscale_all_dim", maxFactor);
  const auto given = fields.number("attention_factor", 0, maxFactor);
  rope.attentionFactor = given ? *given : scale && allDim ? sharpened(*scale) / sharpened(*allDim) : sharpened(1);
}

void readLongRope(ConfigReader &fields, const DecoderConfig &config, RopeParameters &rope) {
  if (config.headDim == 0) { // there is a finding
    fields.ignore({"short_factor", "long_factor"});
  } else {
    const auto pairs = static_cast<size_t>(config.rotaryDim / 2);
    rope.shortFactors = fields.numbers("short_factor", pairs, 0, maxFactor);
    rope.longFactors = fields.numbers("long_factor", pairs, 0, maxFactor);
  }
  if (!rope.shortFactors.empty() && !rope.longFactors.empty())
    rope.type = RopeParameters::Type::LongRope;
  const auto original = static_cast<double>(rope.originalMaxPositions);
  const auto factor = fields.number("factor", 0, maxFactor);
  if (factor)
    noteFactor(fields, *factor, rope, config.maxPositions);
  const double longer = factor.value_or(static_cast<double>(config.maxPositions) / original);
  const auto given = fields.number("attention_factor", 0, maxFactor);
  if (given)
    rope.attentionFactor = *given;
  else if (longer > 1 && original > 1)
    rope.attentionFactor = std::sqrt(1 + std::log(longer) / std::log(original));
  else if (longer > 1)
    fields.findings().invalid(fields.where("original_max_position_embeddings") +
                              " 1 leaves no attention_factor to be computed");
}

/// A growth of 0 is none, but not the same as no field, which the class does not take.
void readQueryGrowth(ConfigReader &fields, const DecoderDefaults &defaults, RopeParameters &rope) {
  constexpr const char *name = "llama_4_scaling_beta";
  if (!fields.has(name))
    return fields.findings().invalid(fields.where(name) + " is missing; " + std::string(defaults.configClass) +
                                     " multiplies queries by what it says");
  rope.queryGrowth = fields.numberUnlessZero(name, maxFactor).value_or(0);
  if (rope.queryGrowth != 0 && rope.originalMaxPositions == 0)
    rope.originalMaxPositions =
        fields.requiredInteger("original_max_position_embeddings", 1, maxTextPositions).value_or(1);
  fields.ignore({"original_max_position_embeddings", "max_position_embeddings"}); // the latter is read by nobody
}

/// How much of each head is rotated.
int64_t readRotaryDim(ConfigReader &reader, ConfigReader &fields, const DecoderDefaults &defaults, int64_t headDim) {
  const auto given = fields.number("partial_rotary_factor", 0, 1);
  if (!defaults.partialRotaryFactor) {
    if (given && *given != 1)
      refuseValue(fields, "partial_rotary_factor", fields.raw("partial_rotary_factor").dump(), "(1 is)");
    return headDim;
  }
  const std::string_view name = defaults.fields.partialRotaryFactor;
  if (!fields.has("partial_rotary_factor") && !reader.has(name) && *defaults.partialRotaryFactor != 1)
    reader.addDefault(name, nlohmann::json(*defaults.partialRotaryFactor).dump());
  const double part = given.value_or(*defaults.partialRotaryFactor);
  const auto rotated = static_cast<int64_t>(static_cast<double>(headDim) * part); // rounded down, as transformers does
  if (headDim != 0 && (rotated < 2 || rotated % 2 != 0))
    fields.findings().invalid((given ? fields.where("partial_rotary_factor") : reader.where(name)) + " " +
                              nlohmann::json(part).dump() + " makes " + std::to_string(rotated) + " of the " +
                              std::to_string(headDim) + " elements of a head; rotary embedding needs pairs");
  return std::max<int64_t>(rotated / 2 * 2, 2);
}

/// The names that transformers has for types that are supported, for messages.
std::string supportedTypes(const DecoderDefaults &defaults) {
  return defaults.onlyLongRope ? "(default and longrope are)" : "(default, linear, llama3, yarn and longrope are)";
}

bool isSupported(std::string_view type, const DecoderDefaults &defaults) {
  return type == "default" || type == "longrope" ||
         (!defaults.onlyLongRope && (type == "linear" || type == "llama3" || type == "yarn"));
}

/// What `merged` says; where theta is nowhere, messages call it `thetaField`, and it is `theta`.
RopeParameters readFields(ConfigReader &reader, RopeFields &merged, std::string_view thetaField, double theta,
                          const DecoderDefaults &defaults, DecoderConfig &config) {
  RopeParameters rope;
  std::string type = "default";
  if (auto found = merged.object().find("rope_type"); found != merged.object().end() && found->is_string())
    type = found->get<std::string>();
  if (defaults.onlyLongRope && (type == "su" || type == "yarn"))
    type = "longrope";
  const bool scaled = type == "llama3" || type == "yarn" || type == "longrope";
  if (scaled)
    merged.addBeside("original_max_position_embeddings");
  else if (defaults.originalMaxPositions)
    reader.ignore({"original_max_position_embeddings"});

  ConfigReader fields = merged.read();
  if (fields.has("rope_theta"))
    rope.theta = fields.number("rope_theta", 0, maxTheta).value_or(1);
  else if (!reader.has(thetaField)) // if it is wrong, there is a finding
    rope.theta = reader.numberOr(thetaField, 0, maxTheta, theta).value_or(1);
  config.rotaryDim = readRotaryDim(reader, fields, defaults, config.headDim);
  const bool named = fields.string("rope_type") || !fields.has("rope_type"); // a finding if it is no string
  const bool known = named && isSupported(type, defaults);
  if (scaled)
    rope.originalMaxPositions = readOriginalMaxPositions(fields, defaults, config.maxPositions);
  if (type == "longrope") {
    readLongRope(fields, config, rope);
  } else if (type == "dynamic") {
    refuseValue(fields, "rope_type", quotedName(type),
                "(its frequencies depend on the length of the text, and those of keys that are cached on how long it "
                "was then; " +
                    supportedTypes(defaults).substr(1));
  } else if (!isSupported(type, defaults)) {
    refuseValue(fields, "rope_type", quotedName(type), supportedTypes(defaults));
  } else if (type == "llama3") {
    readLlama3Scaling(fields, rope);
  } else if (type == "yarn") {
    readYarnScaling(fields, config.maxPositions, rope);
  } else if (type == "linear") {
    rope.type = RopeParameters::Type::Linear;
    rope.factor = fields.requiredNumber("factor", minFactor, maxFactor).value_or(1);
  }
  if (defaults.queryGrowth)
    readQueryGrowth(fields, defaults, rope);
  fields.noteDefaults(defaults.configClass);
  if (known) // of another type, nothing is known of its fields
    fields.noteUnread();
  return rope;
}

/// What versions of transformers read differently where RoPE is by layer type. Nothing is guessed.
void refuseWhereVersionsDiffer(ConfigReader &reader, bool truncated) {
  const nlohmann::json &scaling = reader.raw("rope_scaling");
  if (scaling.is_object() && scaling.contains("type") && !scaling.contains("rope_type") && scaling["type"] != "default")
    refuseValue(reader, "rope_scaling", "with a type and without a rope_type",
                "(with a rope_type is): transformers 4 takes the type, and 5 leaves the scaling out");
  if (!truncated)
    refuseValue(reader, reader.has("rope_scaling") ? "rope_scaling" : "rope_parameters", "with truncate false",
                "(with true is): of RoPE by layer type, transformers 4 reads truncate, and 5 does not");
}

/// RoPE of a family whose layers with and without a window have their own: an entry a layer type in rope_parameters, or
/// rope_theta and rope_scaling of those without beside the theta of those with one.
void readRopeByType(ConfigReader &reader, const DecoderDefaults &defaults, DecoderConfig &config) {
  const nlohmann::json &parameters = reader.raw("rope_parameters");
  const bool byType = parameters.contains("full_attention") || parameters.contains("sliding_attention");
  if (!parameters.is_null() && !byType)
    reader.findings().invalid(reader.where("rope_parameters") +
                              " must have one entry a layer type, full_attention and sliding_attention");
  const nlohmann::json none = nlohmann::json::object();
  ConfigReader entries = reader.nested("rope_parameters", byType ? parameters : none);
  RopeFields full(reader), sliding(reader);
  full.addObject(entries, "full_attention", "rope_parameters.");
  full.addObject(reader, "rope_scaling");
  full.addBeside("rope_theta");
  config.rope = readFields(reader, full, "rope_theta", defaults.ropeTheta, defaults, config);
  sliding.addObject(entries, "sliding_attention", "rope_parameters.");
  if (defaults.slidingThetaField == "rope_theta")
    sliding.addBeside("rope_theta");
  else
    sliding.addRenamed(defaults.slidingThetaField, "rope_theta", maxTheta);
  const RopeParameters rope =
      readFields(reader, sliding, defaults.slidingThetaField, defaults.slidingRopeTheta, defaults, config);
  refuseWhereVersionsDiffer(reader, config.rope.truncate && rope.truncate);
  if (rope != config.rope)
    config.slidingRope = rope;
  entries.noteUnread();
}

} // namespace

void readRope(ConfigReader &reader, const DecoderDefaults &defaults, DecoderConfig &config) {
  config.rotaryDim = config.headDim;
  if (!defaults.slidingThetaField.empty())
    return readRopeByType(reader, defaults, config);
  const nlohmann::json &parameters = reader.raw("rope_parameters");
  if (parameters.is_object() && !parameters.empty() && parameters.begin()->is_object()) {
    refuseValue(reader, "rope_parameters", "with one entry a layer type", "(one for all layers is)");
    reader.ignore({"rope_theta", "rope_scaling", "partial_rotary_factor"});
    return;
  }
  const FieldNames &names = defaults.fields;
  RopeFields merged(reader);
  merged.addObject(reader, "rope_parameters");
  merged.addObject(reader, "rope_scaling");
  merged.addBeside("rope_theta");
  merged.addBesideUnlessUsual("partial_rotary_factor", defaults.partialRotaryFactor.value_or(1));
  merged.addRenamed(names.ropeTheta, "rope_theta", maxTheta);
  merged.addRenamed(names.partialRotaryFactor, "partial_rotary_factor", 1);
  if (!reader.has("rope_parameters") && !reader.has("rope_scaling")) // {} is an object that says nothing
    merged.addDefault(defaults.ropeParameters);
  config.rope = readFields(reader, merged, names.ropeTheta, defaults.ropeTheta, defaults, config);
}

namespace {

/// How much of frequency i of llama3 is kept, and not divided.
double keptByLlama3(const RopeParameters &rope, double frequency) {
  const double wavelength = 2 * std::numbers::pi / frequency;
  const double turns = static_cast<double>(rope.originalMaxPositions) / wavelength; // in the original context
  return std::clamp((turns - rope.lowFrequencyFactor) / (rope.highFrequencyFactor - rope.lowFrequencyFactor), 0.0, 1.0);
}

/// The same for each frequency of YaRN.
std::vector<double> keptByYarn(const RopeParameters &rope, int64_t rotaryDim) {
  const auto size = static_cast<double>(rotaryDim);
  // The pair, as a real number, that turns so often in the original context.
  const auto pairOf = [&](double turns) {
    const double wavelength = static_cast<double>(rope.originalMaxPositions) / turns;
    return size * std::log(wavelength / (2 * std::numbers::pi)) / (2 * std::log(rope.theta));
  };
  double first = pairOf(rope.betaFast), last = pairOf(rope.betaSlow);
  if (rope.truncate) {
    first = std::floor(first);
    last = std::ceil(last);
  }
  first = std::max(first, 0.0);
  last = std::min(last, size - 1);
  if (first == last)
    last += 0.001;
  std::vector<double> kept;
  kept.reserve(rotaryDim / 2);
  for (int64_t i = 0; i < rotaryDim / 2; ++i)
    kept.push_back(1 - std::clamp((static_cast<double>(i) - first) / (last - first), 0.0, 1.0));
  return kept;
}

} // namespace

std::vector<double> ropeInverseFrequencies(const RopeParameters &rope, int64_t rotaryDim, bool isLong) {
  std::vector<double> frequencies(static_cast<size_t>(rotaryDim / 2));
  const std::vector<double> kept =
      rope.type == RopeParameters::Type::Yarn ? keptByYarn(rope, rotaryDim) : std::vector<double>();
  for (size_t i = 0; i < frequencies.size(); ++i) {
    double frequency = std::pow(rope.theta, -2.0 * static_cast<double>(i) / static_cast<double>(rotaryDim));
    const auto blend = [&](double part) { return (1 - part) * frequency / rope.factor + part * frequency; };
    switch (rope.type) {
    case RopeParameters::Type::Default:
      break;
    case RopeParameters::Type::Linear:
      frequency /= rope.factor;
      break;
    case RopeParameters::Type::Llama3:
      frequency = blend(keptByLlama3(rope, frequency));
      break;
    case RopeParameters::Type::Yarn:
      frequency = blend(kept[i]);
      break;
    case RopeParameters::Type::LongRope:
      frequency /= (isLong ? rope.longFactors : rope.shortFactors)[i];
      break;
    }
    frequencies[i] = frequency;
  }
  return frequencies;
}

} // namespace cadenza
