/**
 * Anchors: typical sizes of boxes, where they lie, how boxes are told relative to them, and which
 * object each stands for.
 */
package io.github.dcn4j.detection.anchors;
