(** A penalty above max (beta, 2 mu) suffices: descent under a weaker condition than theorem 5's.

    Theorem 5 asks for (delta - mu) / 2 > beta ^+ 2 / delta. It uses weak convexity and the
    gradient's Lipschitz constant one after the other, each at its worst, which is never together. Here
    the two are used at once: the curvature of [f] lies in [- mu, beta], which makes
    h = f + mu / 2 |.|^2 convex and (beta + mu)-smooth, so h obeys the interpolation inequality. *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp.algebra_tactics Require Import ring.
From Tamis Require Import Space Descent.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Condition.
Variables (R : realFieldType) (V : lmodType R) (ip : inner V).
Notation sq := (sq ip).
Notation dot := (dot ip).
Variables (f : V -> R) (grad : V -> V) (mu beta delta : R).
Hypothesis delta_gt0 : 0 < delta.
Hypothesis mu_ge0 : 0 <= mu.
Hypothesis range_gt0 : 0 < beta + mu.
Hypothesis below : weakly_convex ip mu f grad.
Hypothesis above : bounded_above ip beta f grad.
Notation H := (beta + mu).
Notation L := (lagrangian ip delta f).

(** The gradient of h changes by [bend x y] from x to y. *)
Definition bend x y := grad y - grad x + mu *: (y - x).

(** The interpolation inequality: at the point where the upper bound of h from y is least, it must
    not fall below the lower bound from x. *)
Lemma interpolation x y : f x + dot (grad x) (y - x) - mu / 2 * sq (y - x)
  + sq (bend x y) / (2 * H) <= f y.
Proof.
pose m := y - (H^-1 *: bend x y).
have := above y m; have := below x m.
have mx : m - x = (y - x) - H^-1 *: bend x y by rewrite /m addrAC.
have my : m - y = - (H^-1 *: bend x y) by rewrite /m addrAC subrr sub0r.
have gy : grad y = bend x y + grad x - mu *: (y - x).
  by rewrite /bend addrAC addrK subrK.
rewrite mx my gy; move: (bend x y) (y - x) (grad x) (f m) (f x) (f y) => b d g fm fx fy.
rewrite sqN dotNr (sqB _ d) !dotBr !dotB !dotD !dotZ !dotZr !sqZ.
rewrite (dotC _ d b) -/(sq b).
move: (sq b) (sq d) (dot b d) (dot g d) (dot g b) => B D P Gd Gb.
move=> /slack h1 /slack h2; rewrite -subr_ge0; apply: slack2 h1 h2 _.
by field; rewrite ?gt_eqF ?ltr0n.
Qed.

(** It bounds the bend: 0 <= |bend|^2 <= (beta + mu) <bend, y - x> <= (beta + mu)^2 |y - x|^2. *)
Lemma bend_monotone x y : sq (bend x y) <= H * dot (bend x y) (y - x).
Proof.
have := interpolation x y; have := interpolation y x.
have -> : bend y x = - bend x y by rewrite /bend opprD opprB -scalerN opprB.
have -> : grad y = bend x y + grad x - mu *: (y - x) by rewrite /bend addrAC addrK subrK.
rewrite -(opprB y x) !sqN dotNr dotB dotD dotZ -/(sq (y - x)).
move: (bend x y) (y - x) (grad x) (f x) (f y) => b d g fx fy.
move=> /slack h1 /slack h2; rewrite -subr_ge0.
have H2 : 0 <= H by rewrite ltW.
apply: slack2 (mulr_ge0 H2 h1) (mulr_ge0 H2 h2) _.
by field; rewrite ?gt_eqF ?ltr0n.
Qed.

Lemma bend_ge0 x y : 0 <= dot (bend x y) (y - x).
Proof. by rewrite -(pmulr_rge0 _ range_gt0) (le_trans (sq_ge0 ip (bend x y))) ?bend_monotone. Qed.

Lemma bend_le x y : dot (bend x y) (y - x) <= H * sq (y - x).
Proof.
have := sq_ge0 ip (bend x y - H *: (y - x)); rewrite (sqB _ (bend x y)) sqZ dotZr.
have := bend_monotone x y; move: (sq _) (sq (y - x)) (dot _ _) => B D P /slack h1 h2.
rewrite -subr_ge0 -(pmulr_rge0 _ range_gt0); apply: slack2 h1 h2 _; ring.
Qed.

Section Step.
Variables (w z u w' z' u' : V).
Hypothesis w_update : grad w' + delta *: (w' - z' + u) = 0.
Hypothesis u_update : u' = u + (w' - z').
Hypothesis previous : grad w + delta *: u = 0.

(** The dual is the gradient, so the change of the Lagrangian is one of losses and gradients. *)
Lemma change : L w' z' u' = L w z' u + (f w' - f w - dot (grad w') (w' - w)
  + sq (grad w' - grad w) / delta - delta / 2 * sq (w' - w)).
Proof.
have hu : L w' z' u' = L w' z' u + delta * sq (w' - z').
  rewrite /lagrangian u_update; move: (w' - z') => d.
  by rewrite (sqD _ d (u + d)) (sqD _ d u) dotDr -/(sq d); field; rewrite ?ltr0n.
have hr : delta * sq (w' - z') = sq (grad w' - grad w) / delta.
  have := @dual_eq _ _ grad delta w u w' z' 0 0 w_update previous.
  rewrite subr0 addr0 (sqC _ (grad w')) => <-; rewrite sqZ; field; exact: lt0r_neq0.
have hw : L w' z' u = L w z' u
    + (f w' - f w - dot (grad w') (w' - w) - delta / 2 * sq (w' - w)).
  have wE : w - z' + u = (w' - z' + u) + (w - w') by rewrite [RHS]addrC !addrA subrK.
  have gE' : grad w' = - (delta *: (w' - z' + u)).
    by rewrite -[LHS](addrK (delta *: (w' - z' + u))) w_update sub0r.
  rewrite /lagrangian wE gE' -(opprB w w') sqN dotNr dotN dotZ.
  move: (w' - z' + u) (w - w') => a d; rewrite sqD; move: (f w') (f w) => fw' fw.
  by field; rewrite ?ltr0n.
by rewrite hu hr hw; ring.
Qed.

Hypothesis z_update : sq (w - z' + u) <= sq (w - z + u).

(** What the two ends of the range of curvatures leave of the descent. *)
Definition rate_low : R := (delta - 2 * mu) * (delta + mu) / (2 * delta).
Definition rate_high : R := (delta - beta) * (delta + 2 * beta) / (2 * delta).

Lemma change_le : L w' z' u' <= L w z u - rate_low * sq (w' - w)
  + (1 / delta - 1 / (2 * H)) * sq (bend w w') - 2 * mu / delta * dot (bend w w') (w' - w).
Proof.
have hz : L w z' u <= L w z u.
  by rewrite /lagrangian ler_add2r ler_add2l ler_wpmul2l // divr_ge0 ?ler0n // ltW.
have := interpolation w' w; rewrite change.
have -> : bend w' w = - bend w w' by rewrite /bend opprD opprB -scalerN opprB.
have -> : grad w' - grad w = bend w w' - mu *: (w' - w) by rewrite /bend addrK.
rewrite -(opprB w' w) !sqN dotNr (sqB _ (bend w w')) sqZ dotZr /rate_low.
move: hz (dot (bend w w') (w' - w)) (sq (bend w w')) (sq (w' - w)) (dot (grad w') (w' - w)).
move: (L w z' u) (L w z u) (f w) (f w') => A B fw fw' /slack h1 P S D G /slack h2.
rewrite -subr_ge0; apply: slack2 h1 h2 _.
by field; rewrite ?gt_eqF ?ltr0n.
Qed.

Theorem curvature_descent rate : rate <= rate_low -> rate <= rate_high ->
  L w' z' u' <= L w z u - rate * sq (w' - w).
Proof.
move=> /slack low /slack high; apply: le_trans change_le _.
have D0 := sq_ge0 ip (w' - w); have P0 := bend_ge0 w w'; have S0 := sq_ge0 ip (bend w w').
have /slack SP := bend_monotone w w'; have /slack PD := bend_le w w'.
move: (dot (bend w w') (w' - w)) (sq (bend w w')) (sq (w' - w)) (L w z u) D0 P0 S0 SP PD.
move=> P S D A D0 P0 S0 SP PD; rewrite -subr_ge0.
have [k0 | /ltW k0] := lerP (1 / delta - 1 / (2 * H)) 0.
  have nk0 : 0 <= - (1 / delta - 1 / (2 * H)) by rewrite oppr_ge0.
  have m0 : 0 <= 2 * mu / delta by rewrite divr_ge0 ?mulr_ge0 ?ler0n // ltW.
  by apply: slack3 (mulr_ge0 low D0) (mulr_ge0 nk0 S0) (mulr_ge0 m0 P0) _; ring.
have [m0 | /ltW m0] := lerP ((beta - mu) / delta - 1 / 2) 0.
  have nm0 : 0 <= - ((beta - mu) / delta - 1 / 2) by rewrite oppr_ge0.
  apply: slack3 (mulr_ge0 low D0) (mulr_ge0 k0 SP) (mulr_ge0 nm0 P0) _.
  by rewrite /rate_low; field; rewrite ?gt_eqF ?ltr0n.
apply: slack3 (mulr_ge0 high D0) (mulr_ge0 k0 SP) (mulr_ge0 m0 PD) _.
by rewrite /rate_low /rate_high; field; rewrite ?gt_eqF ?ltr0n.
Qed.
End Step.

(** Both rates are positive if the penalty exceeds both bounds. *)
Theorem condition_sufficient : beta < delta -> 2 * mu < delta -> 0 < rate_low /\ 0 < rate_high.
Proof.
move=> bd md; have dd : 0 < 2 * delta by rewrite mulr_gt0 ?ltr0n.
rewrite /rate_low /rate_high; split; rewrite divr_gt0 // mulr_gt0 ?subr_gt0 //.
  exact: ltr_paddr.
have := addr_gt0 (_ : 0 < delta - 2 * mu) (_ : 0 < 2 * H); rewrite subr_gt0 => sum.
have -> : delta + 2 * beta = delta - 2 * mu + 2 * H by ring.
by apply: sum => //; rewrite mulr_gt0 ?ltr0n.
Qed.
End Condition.

(** The rates are attained: by a quadratic loss of curvature - mu or beta, in a turn that leaves z
    where it was. That there are such turns is not stated here. *)
Section Tight.
Variables (R : realFieldType) (V : lmodType R) (ip : inner V) (curvature delta : R).
Hypothesis delta_gt0 : 0 < delta.
Notation f := (quadratic ip curvature).
Notation grad := (quadratic_grad curvature).

Theorem condition_tight (w z u w' u' : V) :
  grad w' + delta *: (w' - z + u) = 0 -> u' = u + (w' - z) -> grad w + delta *: u = 0 ->
  lagrangian ip delta f w' z u' = lagrangian ip delta f w z u
    - (delta - curvature) * (delta + 2 * curvature) / (2 * delta) * sq ip (w' - w).
Proof.
move=> step dual prev; rewrite (change ip f delta_gt0 step dual prev); congr (_ + _).
rewrite (quadratic_taylor ip curvature w w') /quadratic_grad -scalerBr sqZ.
have -> : dot ip (curvature *: w') (w' - w) = curvature * (sq ip (w' - w) + dot ip w (w' - w)).
  by rewrite dotZ /sq -dotD subrK.
rewrite dotZ; move: (sq ip (w' - w)) (dot ip w (w' - w)) (quadratic _ _ w) => D P F.
by field; rewrite ?gt_eqF ?ltr0n.
Qed.
End Tight.
