(** What each public theorem rests on: nothing but Coq itself, or the check of the build fails.

    The theorems of a file are put into one term, as printing what one rests on takes as long as for
    all of them. *)
From Tamis Require Import Space Projection Threshold Bits Radix Packing Descent Rate.
From Tamis Require Import Quantise Sharpness Condition Orders Exchange.

Definition space := (@Space.quadratic_weakly_convex, @Space.quadratic_lipschitz,
  @Space.quadratic_bounded_above).
Print Assumptions space.
Definition projection := @Projection.keep_projection.
Print Assumptions projection.
Definition threshold := (@Threshold.threshold_largest, @Threshold.threshold_exists, @Threshold.mask_exists,
  @Threshold.threshold_projection).
Print Assumptions threshold.
Definition bits := @Bits.bits_order.
Print Assumptions bits.
Definition radix := (@Radix.radix_correct, @Radix.radix_runs).
Print Assumptions radix.
Definition packing := (@Packing.packing_disjoint, @Packing.packing_recovers, @Packing.packing_target,
  @Packing.packing_rescaled, @Packing.packing_rounded, @Packing.packing_fails_after_rounding,
  @Packing.rounded_first, @Packing.dense_dual, @Packing.one_tensor_dual_first).
Print Assumptions packing.
Definition descent := (@Descent.exact_descent, @Descent.inexact_descent, @Descent.masked_descent).
Print Assumptions descent.
Definition rate := (@Rate.moves_summable, @Rate.rate, @Rate.lagrangian_above, @Rate.lagrangian_above_exact,
  @Rate.exact_rate, @Rate.inexact_rate).
Print Assumptions rate.
Definition quantise := (@Quantise.rounding_error, @Quantise.rounding_orthogonal,
  @Quantise.rounded_projection, @Quantise.rounded_descent, @Quantise.stochastic_mean,
  @Quantise.stochastic_variance, @Quantise.stochastic_probability).
Print Assumptions quantise.
Definition sharpness := (@Sharpness.perturbed_gradient, @Sharpness.sharpness_residual,
  @Sharpness.sharpness_descent, @Sharpness.sharpness_neighbourhood, @Sharpness.sharpness_summable).
Print Assumptions sharpness.
Definition condition := (@Condition.interpolation, @Condition.curvature_descent,
  @Condition.condition_sufficient, @Condition.condition_tight).
Print Assumptions condition.
Definition orders := (@Orders.fixed_points_agree, @Orders.wzu_dual, @Orders.gradient_step_descent,
  @Orders.bowl_taylor, @Orders.wzu_can_rise).
Print Assumptions orders.
Definition exchange := (@Exchange.exchanges_end, @Exchange.exchanges_reach, @Exchange.exchange_gradient,
  @Exchange.exchange_stationary, @Exchange.exchange_nearest, @Exchange.relaxation_below,
  @Exchange.dual_below).
Print Assumptions exchange.
