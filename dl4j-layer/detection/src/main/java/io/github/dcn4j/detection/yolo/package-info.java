/**
 * One-stage detectors: labels, loss and decoder in the manner of the later YOLOs, and labels and
 * decoder for Deeplearning4j's {@code Yolo2OutputLayer}.
 */
package io.github.dcn4j.detection.yolo;
