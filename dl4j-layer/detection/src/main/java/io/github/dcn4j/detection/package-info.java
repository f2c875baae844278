/**
 * Boxes, detections, and what is made of them: non-maximum suppression and mean average precision.
 */
package io.github.dcn4j.detection;
