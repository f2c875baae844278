package io.github.dcn4j.ops;

import io.github.dcn4j.loader.NativeLibrary;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import lombok.Getter;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.DynamicCustomOp;
import org.nd4j.linalg.api.ops.OpContext;
import org.nd4j.linalg.api.shape.LongShapeDescriptor;
import org.nd4j.linalg.factory.Nd4j;

/**
 * What the ops of this library share: arguments that come from a configuration, and messages that
 * name what was wrong.
 *
 * @param <C> the configuration
 */
public abstract class NativeOp<C extends OpConfig> extends DynamicCustomOp {
  /** The settings; null until ND4J has set the arguments of an op that it made. */
  @Getter private C config;

  /** For ND4J, which makes ops by reflection and then sets their arguments. */
  NativeOp() {}

  /** In a graph; inputs that are null are left out. */
  NativeOp(String name, SameDiff sd, C config, SDVariable... inputs) {
    super(sd, wrapFilterNull(checked(name, config, inputs)));
    configure(config);
  }

  /** On arrays; inputs that are null are left out. */
  NativeOp(String name, C config, INDArray... inputs) {
    super(wrapFilterNull(checked(name, config, inputs)), null);
    configure(config);
  }

  /** The inputs of an op that can be made: SameDiff's constructor adds it, come what may later. */
  private static <T> T[] checked(String name, OpConfig config, T[] inputs) {
    NativeLibrary.require(OpCatalog::all);
    checkIntegers(name, Arguments.required("config", config));
    return inputs;
  }

  private void configure(C config) {
    this.config = config;
    addIArgument(config.toIArgs());
    addTArgument(config.toTArgs());
  }

  /** The native side's integers have 32 bits, and of others a part would be lost on the way. */
  static void checkIntegers(String name, OpConfig config) {
    for (long integer : config.toIArgs()) {
      if (integer != (int) integer) {
        throw new IllegalArgumentException(
            name
                + ": "
                + nameOf(integer, config.toProperties())
                + ": expected an integer of 32 bits, got "
                + integer);
      }
    }
  }

  private static String nameOf(long value, Map<String, Object> properties) {
    return properties.entrySet().stream()
        .filter(property -> property.getValue().equals(value))
        .map(Map.Entry::getKey)
        .findFirst()
        .orElse("integer arguments");
  }

  /** The reverse of {@link OpConfig#toIArgs()} and {@link OpConfig#toTArgs()}. */
  abstract C configOf(long[] integers, double[] floats);

  /**
   * Runs the op on its arrays.
   *
   * @param outputs where the results go; those that are null are left out; new arrays if there are
   *     none
   * @return the results
   * @throws IllegalArgumentException if an argument does not fit, naming it, what was expected and
   *     what was given
   */
  public INDArray[] run(INDArray... outputs) {
    for (INDArray output : outputs) {
      if (output != null) {
        addOutputArgument(output);
      }
    }
    try {
      return Nd4j.exec(this);
    } catch (RuntimeException e) {
      throw named(e);
    }
  }

  /** What the native op says of its arguments, where that is the cause; the exception if not. */
  private RuntimeException named(RuntimeException e) {
    String start = opName() + ": ";
    for (Throwable t = e; t != null; t = t.getCause()) {
      int said = t.getMessage() == null ? -1 : t.getMessage().indexOf(start);
      if (said >= 0) {
        return new IllegalArgumentException(t.getMessage().substring(said), e);
      }
    }
    return e;
  }

  @Override
  public List<LongShapeDescriptor> calculateOutputShape(OpContext context) {
    try {
      return super.calculateOutputShape(context);
    } catch (RuntimeException e) {
      throw named(e);
    }
  }

  /** The number of inputs, in a graph or on arrays. */
  int inputs() {
    return sameDiff == null ? numInputArguments() : args().length;
  }

  /** The inputs in a graph, and others after them. */
  SDVariable[] inputsAnd(SDVariable... more) {
    SDVariable[] inputs = args();
    SDVariable[] all = Arrays.copyOf(inputs, inputs.length + more.length);
    System.arraycopy(more, 0, all, inputs.length, more.length);
    return all;
  }

  /** One, where an op says nothing else. */
  @Override
  public int getNumOutputs() {
    return 1;
  }

  /** All of the type of the first input, where an op says nothing else. */
  @Override
  public List<DataType> calculateOutputDataTypes(List<DataType> inputTypes) {
    return Collections.nCopies(getNumOutputs(), inputTypes.get(0));
  }

  @Override
  public void configureFromArguments() {
    C given = configOf(iArgs(), tArgs());
    checkIntegers(opName(), given);
    config = given;
  }

  @Override
  public Map<String, Object> propertiesForFunction() {
    return config == null ? Collections.emptyMap() : config.toProperties();
  }

  /** Nothing to set: {@link #configureFromArguments()} has the configuration. */
  @Override
  public void setPropertiesForFunction(Map<String, Object> properties) {}

  /** Ops that have a gradient say so themselves; those that are one have none. */
  @Override
  public List<SDVariable> doDiff(List<SDVariable> gradients) {
    throw new UnsupportedOperationException(
        opName() + " has no gradient: there are first derivatives only");
  }
}
