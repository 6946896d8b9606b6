(** From a threshold to a mask.

    Per group, the code finds a number [tau], keeps every score above it and as many of the
    scores equal to it as make the count right.  Any mask between { s > tau } and { s >= tau }
    that has the right count is what [keep_projection] asks for, and there is one. *)
From mathcomp Require Import all_ssreflect all_algebra.
From Tamis Require Import Projection.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory.

Section Threshold.
Variables (d : unit) (K : orderType d) (I T : finType) (g : I -> T) (s : I -> K).
Implicit Types (A B : {set I}) (tau : T -> K).

Definition largest A := forall i j, g i = g j -> i \in A -> j \notin A -> (s j <= s i)%O.
Definition between tau A :=
  forall i, ((tau (g i) < s i)%O -> i \in A) /\ (i \in A -> (tau (g i) <= s i)%O).

Theorem threshold_largest tau A : between tau A -> largest A.
Proof.
move=> btw i j gij iA jNA; have [_ /(_ iA) below] := btw i; apply: le_trans below.
by rewrite leNgt; apply: contra jNA => above; apply: (btw j).1; rewrite -gij.
Qed.

(** Conversely every such mask is cut out by thresholds, one in each group. *)
Theorem threshold_exists (default : K) A : largest A -> exists tau, between tau A.
Proof.
move=> big; pose inside t i := (i \in A) && (g i == t).
pose outside t i := (i \notin A) && (g i == t).
pose tau t := if [pick i | inside t i] is Some i0 then
    s (Order.arg_min i0 (inside t) s)
  else if [pick i | outside t i] is Some i0 then s (Order.arg_max i0 (outside t) s) else default.
exists tau => i; rewrite /tau; case: pickP => [i0 /Order.TotalTheory.arg_minP min0 | noA].
  have [m /andP[mA /eqP gm] m_min] := min0; split=> [lt | iA].
    by apply: contraTT lt => iNA; rewrite -leNgt; apply: big => //; rewrite gm.
  by apply: m_min; rewrite /inside iA eqxx.
split=> [|iA]; last by have := noA i; rewrite /inside iA eqxx.
case: pickP => [i0 /Order.TotalTheory.arg_maxP [m _ m_max] | none] lt.
  by apply: contraTT lt => iNA; rewrite -leNgt; apply: m_max; rewrite /outside iNA eqxx.
by have := none i; rewrite /outside eqxx andbT => /negbFE.
Qed.

(** Greedy existence inside one set: any count up to its size. *)
Lemma top_of_set B k : k <= #|B| -> exists A,
  [/\ A \subset B, #|A| = k & forall i j, i \in A -> j \in B -> j \notin A -> (s j <= s i)%O].
Proof.
elim: k => [_|k IH kB].
  by exists set0; split; rewrite ?sub0set ?cards0 // => i j; rewrite inE.
have [A [AB Ak best]] := IH (ltnW kB).
have /set0Pn[i0 i0D] : B :\: A != set0.
  by rewrite -cards_eq0 cardsD (setIidPr AB) Ak subn_eq0 -ltnNge.
case: (Order.TotalTheory.arg_maxP s i0D) => m mD m_max; have /setDP[mB mNA] := mD.
exists (m |: A); split=> [||i j].
- by apply/subsetP => i; rewrite !inE => /orP[/eqP -> // | /(subsetP AB)].
- by rewrite cardsU1 mNA Ak.
rewrite !inE negb_or => /orP[/eqP -> | iA] jB /andP[_ jNA]; last exact: best.
by apply: m_max; apply/setDP.
Qed.

(** For any scores, groups and capacities the optimal mask exists. *)
Theorem mask_exists (c : T -> nat) : exists A, saturated g c A /\ largest A.
Proof.
pose B t := fibre g t setT; pose k t := minn (c t) #|B t|.
have choose t : exists A, (A \subset B t) && (#|A| == k t) &&
    [forall i, forall j, (i \in A) ==> (j \in B t) ==> (j \notin A) ==> (s j <= s i)%O].
  have [A [AB Ak best]] := top_of_set (geq_minr (c t) #|B t|).
  exists A; rewrite AB /k Ak eqxx /=; apply/forallP => i; apply/forallP => j.
  by do 3!apply/implyP => ?; apply: best.
pose A := [set i | i \in xchoose (choose (g i))].
have AE t : fibre g t A = xchoose (choose t).
  have /andP[/andP[AB _] _] := xchooseP (choose t); apply/setP => i; rewrite !inE.
  apply/andP/idP => [[iA /eqP <-] // | iA].
  by have := subsetP AB i iA; rewrite !inE /= => /eqP git; rewrite git.
exists A; split=> [t | i j gij iA jNA].
  by rewrite AE; have /andP[/andP[_ /eqP]] := xchooseP (choose t).
have /andP[_ /forallP/(_ i)/forallP/(_ j)] := xchooseP (choose (g i)).
by move: iA jNA; rewrite !inE -gij => -> -> /=; rewrite eqxx.
Qed.
End Threshold.

(** Together: thresholds on the scores give the projection. *)
Theorem threshold_projection (R : realDomainType) (I T : finType) (p : I -> R) (g : I -> T) c
    (tau : T -> R) (A : {set I}) (x : I -> R) :
  (forall i, (0 <= p i)%R) -> saturated g c A ->
  between g (fun i => p i * x i ^+ 2)%R tau A ->
  feasible g c (keep A x) /\
  forall y, feasible g c y -> (dist p x (keep A x) <= dist p x y)%R.
Proof. by move=> p_ge0 sat btw; apply: keep_projection sat (threshold_largest btw). Qed.
