(** The order the papers run, w, z, u, beside the order of theorem 5, z, w, u.

    They have the same fixed points. Theorem 5's descent holds in the second only: in the first the
    augmented Lagrangian can rise, in an example at penalty 3 with beta = 1. And in the second a single
    gradient step in place of the exact w-update still descends. *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp.algebra_tactics Require Import ring.
From Tamis Require Import Space Descent Rate.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section FixedPoints.
Variables (R : realFieldType) (V : lmodType R) (grad : V -> V) (delta : R).
Variable nearest : V -> V -> Prop. (** [nearest v z]: z is a nearest point of the set to v *)
Hypothesis delta_gt0 : 0 < delta.

Definition w_step (z u w' : V) := grad w' + delta *: (w' - z + u) = 0.

(** One turn of each order, from a state to the next; the sets may leave a choice. *)
Definition wzu (w z u w' z' u' : V) := [/\ w_step z u w', nearest (w' + u) z' & u' = u + (w' - z')].
Definition zwu (w z u w' z' u' : V) := [/\ nearest (w + u) z', w_step z' u w' & u' = u + (w' - z')].

Lemma still_dual (u w z : V) : u = u + (w - z) -> w = z.
Proof. by move=> uE; apply/eqP; rewrite -subr_eq0 -(inj_eq (addrI u)) addr0 -uE. Qed.

Lemma still_step z u : w_step z u z <-> delta *: u = - grad z.
Proof.
rewrite /w_step subrr add0r; split=> [/eqP | ->]; last by rewrite subrr.
by rewrite addrC addr_eq0 => /eqP.
Qed.

(** A point that either order leaves where it is: w = z, the dual is the gradient, and z is a
    fixed point of the projected gradient with step 1 / delta. *)
Definition fixed (w z u : V) :=
  [/\ w = z, delta *: u = - grad z & nearest (z - delta^-1 *: grad z) z].

Lemma nearest_fixed z u : delta *: u = - grad z ->
  nearest (z + u) z <-> nearest (z - delta^-1 *: grad z) z.
Proof.
move=> dual; suff -> : u = - (delta^-1 *: grad z) by [].
by rewrite -scalerN -dual scalerA mulVf ?scale1r // gt_eqF.
Qed.

Theorem fixed_points_agree w z u :
  (wzu w z u w z u <-> fixed w z u) /\ (zwu w z u w z u <-> fixed w z u).
Proof.
split; split.
- case=> step near /still_dual wz; move: step near; rewrite wz => /still_step dual near.
  by split=> //; apply/(nearest_fixed dual).
- case=> -> dual near; split; [exact/still_step | exact/(nearest_fixed dual) | by rewrite subrr addr0].
- case=> near step /still_dual wz; move: near step; rewrite wz => near /still_step dual.
  by split=> //; apply/(nearest_fixed dual).
case=> -> dual near; split; [exact/(nearest_fixed dual) | exact/still_step | by rewrite subrr addr0].
Qed.

(** Why theorem 5's argument stops at the order w, z, u: there the dual is not the gradient, but
    misses it by as much as z has just moved. *)
Theorem wzu_dual w z u w' z' u' : wzu w z u w' z' u' ->
  delta *: u' = - (grad w' + delta *: (z' - z)).
Proof.
case=> /eqP; rewrite addr_eq0 => /eqP gE _ ->.
rewrite gE opprD opprK -scalerN -scalerDr; congr (_ *: _).
by rewrite opprB !addrA [_ + u + z]addrAC subrK [u + w']addrC.
Qed.
End FixedPoints.

(** Order z, w, u with one gradient step of length 1 / delta, w' = (z' - u) - grad f(w) / delta: the dual is
    then the gradient one step late, and the Lagrangian plus a multiple of the last move descends. *)
Section GradientStep.
Variables (R : realFieldType) (V : lmodType R) (ip : inner V).
Notation sq := (sq ip).
Variables (f : V -> R) (grad : V -> V) (beta delta : R).
Hypothesis delta_gt0 : 0 < delta.
Hypothesis smooth : lipschitz ip beta grad.
Hypothesis upper : bounded_above ip beta f grad.
Notation L := (lagrangian ip delta f).
Variables (before w z u w' z' u' : V).
Hypothesis z_update : sq (w - z' + u) <= sq (w - z + u).
Hypothesis w_update : delta *: (w' - z' + u) = - grad w.
Hypothesis u_update : u' = u + (w' - z').
Hypothesis previous : delta *: u = - grad before.

Theorem gradient_step_descent :
  L w' z' u' + beta ^+ 2 / delta * sq (w' - w) <= L w z u + beta ^+ 2 / delta * sq (w - before)
    - ((delta - beta) / 2 - beta ^+ 2 / delta) * sq (w' - w).
Proof.
have hz : L w z' u <= L w z u.
  by rewrite /lagrangian ler_add2r ler_add2l ler_wpmul2l // divr_ge0 ?ler0n // ltW.
have hu : L w' z' u' = L w' z' u + delta * sq (w' - z').
  rewrite /lagrangian u_update; move: (w' - z') => d.
  by rewrite (sqD _ d (u + d)) (sqD _ d u) dotDr -/(sq d); field; rewrite ?ltr0n.
have hr : delta * sq (w' - z') <= beta ^+ 2 / delta * sq (w - before).
  rewrite mulrAC ler_pdivl_mulr // mulrAC -expr2 -sqZ.
  have -> : delta *: (w' - z') = grad before - grad w.
    by rewrite -[w' - z'](addrK u) scalerBr w_update previous opprK addrC.
  by rewrite sqC; apply: smooth.
have hw : L w' z' u <= L w z' u - (delta - beta) / 2 * sq (w' - w).
  have wE : w - z' + u = (w' - z' + u) + (w - w') by rewrite [RHS]addrC !addrA subrK.
  have gE : grad w = - (delta *: (w' - z' + u)) by rewrite w_update opprK.
  have := upper w w'; rewrite /lagrangian wE gE -(opprB w w') sqN dotNr dotN dotZ.
  move: (w' - z' + u) (w - w') => a d; rewrite (sqD _ a d); move: (f w') (f w) => fw' fw.
  move=> /slack h; rewrite -subr_ge0; apply: slack1 h _.
  by field; rewrite ?ltr0n.
rewrite hu; move: hz hr hw; move: (L _ _ _) (L w z' u) (L w z u) (sq (w' - z')) => A B C S.
move: (sq (w - before)) (sq (w' - w)) => D0 D /slack h1 /slack h2 /slack h3.
by rewrite -subr_ge0; apply: slack3 h1 h2 h3 _; field; rewrite ?gt_eqF ?ltr0n.
Qed.
End GradientStep.

(** The plane over the rationals, for an example that a machine can compute. *)
Section Plane.
Notation plane := [lmodType rat of rat^o * rat^o].
Definition plane_dot (a b : plane) : rat := a.1 * b.1 + a.2 * b.2.
Lemma plane_dotC a b : plane_dot a b = plane_dot b a.
Proof. by rewrite /plane_dot (mulrC a.1) (mulrC a.2). Qed.
Lemma plane_dotD a b c : plane_dot (a + b) c = plane_dot a c + plane_dot b c.
Proof. by rewrite /plane_dot /= !mulrDl addrACA. Qed.
Lemma plane_dotZ s a b : plane_dot (s *: a) b = s * plane_dot a b.
Proof. by rewrite /plane_dot /= mulrDr !mulrA. Qed.
Lemma plane_dot_ge0 a : 0 <= plane_dot a a.
Proof. by rewrite addr_ge0 // -expr2 sqr_ge0. Qed.
Definition plane_ip := Inner plane_dotC plane_dotD plane_dotZ plane_dot_ge0.

(** f(w) = |w|^2 / 2 + 32 w_2 is convex with beta = 1; the set: at most one entry is not zero. *)
Definition bowl (w : plane) : rat := sq plane_ip w / 2%:R + 32%:R * w.2.
Definition bowl_grad (w : plane) : plane := (w.1, w.2 + 32%:R).
Definition largest_of_two (v : plane) : plane := if `|v.2| <= `|v.1| then (v.1, 0) else (0, v.2).

Lemma bowl_taylor w y : bowl y =
  bowl w + dot plane_ip (bowl_grad w) (y - w) + 1 / 2%:R * sq plane_ip (y - w).
Proof.
case: w y => [w1 w2] [y1 y2]; rewrite /bowl /sq /= /plane_dot /=.
by move: w1 w2 y1 y2; rewrite /GRing.regular => w1 w2 y1 y2; field.
Qed.

(** The order w, z, u with exact steps and penalty 3, from w = z = (-16, 0) and u = 0. Although
    3 > 2 beta, so that both theorem 5's condition and theorem 9's hold, L rises from 136 to 439.
    That [largest_of_two] gives a nearest point and [bowl_grad] is 1-Lipschitz is not stated. *)
Let w1 : plane := (- 12%:R, - 8%:R). Let z1 : plane := (- 12%:R, 0). Let u1 : plane := (0, - 8%:R).
Let w2 : plane := (- 9%:R, - 2%:R). Let z2 : plane := (0, - 10%:R). Let u2 : plane := (- 9%:R, 0).
Let L := lagrangian plane_ip 3%:R bowl.
Let turn (z u w' z' u' : plane) :=
  [/\ w_step bowl_grad 3%:R z u w', z' = largest_of_two (w' + u) & u' = u + (w' - z')].

Theorem wzu_can_rise :
  [/\ turn (- 16%:R, 0) 0 w1 z1 u1, turn z1 u1 w2 z2 u2, L w1 z1 u1 = 136%:R & L w2 z2 u2 = 439%:R].
Proof. by split; try split; apply/eqP; vm_compute. Qed.
End Plane.
