/**
 * Two-stage detectors: the vertex that proposes regions, the losses of both stages, and the decoder
 * of the second.
 */
package io.github.dcn4j.detection.proposals;
